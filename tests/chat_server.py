"""A stand-in for a server of chat completions, on this machine."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Speaks chat completions; `script` holds what to do with the next requests, then all are answered."""

    def __init__(self):
        self.script = []
        self.requests = []
        self.most_at_once = self._now = 0
        self.answer = lambda text: json.dumps([f"where is {word} kept in winter" for word in re.findall(r"w\d+", text)])
        self.released = threading.Event()
        lock, outer = threading.Lock(), self
        self.pause = 0.0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.requests.append((self.path, dict(self.headers), body))
                    step = outer.script.pop(0) if outer.script else 200
                    outer._now += 1
                    outer.most_at_once = max(outer.most_at_once, outer._now)
                outer.released.wait(outer.pause)
                with lock:
                    outer._now -= 1
                self.reply(step, body["messages"][0]["content"])

            def reply(self, step, text):
                if step == "slow":
                    outer.released.wait(5)
                    return
                if step == "hang up":
                    self.connection.close()
                    return
                code = step if isinstance(step, int) else 200
                message = {"choices": [{"message": {"content": outer.answer(text)}}]}
                message["usage"] = {"prompt_tokens": 100, "completion_tokens": 20}
                raw = step.encode() if isinstance(step, str) else json.dumps(message).encode()
                self.send_response(code)
                if code == 429:
                    self.send_header("Retry-After", "7")
                if code == 307:
                    self.send_header("Location", f"{outer.url}/elsewhere")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        """Let everybody go who waits, and stop."""
        self.released.set()
        self.http.shutdown()
        self.http.server_close()
