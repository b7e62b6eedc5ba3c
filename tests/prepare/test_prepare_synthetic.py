import json
import re
from dataclasses import replace

import pytest

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError, InputError, MissingExtraError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.drop_log import Tally
from semtune.prepare.questions.chat_client import Answer, Chat
from semtune.prepare.questions.synthetic import Estimate, add_synthetic, choose_passages, estimate, prompt
from semtune.prepare.questions.synthetic_checks import consistent, read_answer
from semtune.prepare.settings import PrepareSettings, SyntheticSettings
from semtune.types import Document, Pair, Query


@pytest.fixture
def waits():
    return []


@pytest.fixture
def chat(server, tmp_path, waits):
    cache = tmp_path / "answers.jsonl"
    return Chat(server.url, "m", cache=cache, concurrency=1, timeout=5, retries=3, backoff=2, sleep=waits.append)


def test_what_is_sent(server, chat, monkeypatch):
    monkeypatch.setenv("MY_KEY", " secret ")
    chat.api_key_env = "MY_KEY"
    assert chat.ask(["about w1"]) == [Answer('["where is w1 kept in winter"]', tokens_in=100, tokens_out=20)]
    ((path, headers, body),) = server.requests
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "about w1"}],
        "max_tokens": 400,
        "temperature": 0.7,
    }


def test_failures_that_pass_are_tried_again(server, chat, waits):
    server.script = [429, 500, "hang up", 200]
    assert chat.ask(["about w1"])[0].text == '["where is w1 kept in winter"]'
    assert len(server.requests) == 4
    assert waits == [7.0, 4.0, 8.0]  # the server's own wish, then doubled from 2


def test_malformed_answers_are_tried_again_and_then_given_up(server, chat):
    server.script = [200, "no json", '{"choices": []}', '{"choices": [{"message": {"content": null}}]}', "[]"]
    good, bad = chat.ask(["about w1", "about w2"])
    assert good.error == ""
    assert bad == Answer(error="the answer is not a chat completion (4 tries)")


def test_slow_answers_run_out_of_time(server, chat):
    chat.timeout, chat.retries = 0.1, 1
    server.script = [200, "slow", "slow"]
    assert chat.ask(["about w1", "about w2"])[1] == Answer(error="no answer in time (2 tries)")


def test_answers_are_kept_and_a_killed_run_pays_once(server, chat):
    first = chat.ask(["about w1", "about w2"])
    with chat.cache.open("a") as out:
        out.write('{"key": "torn')  # the run was killed while it wrote
    again = chat.ask(["about w2", "about w3", "about w1"])
    assert [answer.cached for answer in again] == [True, False, True]
    assert (again[2].text, again[0].text) == (first[0].text, first[1].text)
    assert len(server.requests) == 3
    assert len(chat.known()) == 3
    other = replace(chat, model="other")
    assert not other.ask(["about w1"])[0].cached  # another model, another answer


def test_a_refused_key_stops_at_once(server, chat):
    server.script = [401] * 20
    with pytest.raises(InputError, match=r"gave no usable answer: HTTP 401.*Check prepare\.synthetic"):
        chat.ask([f"about w{n}" for n in range(20)])
    assert len(server.requests) == 1


def test_a_refusal_after_an_answer_is_counted_only(server, chat):
    server.script = [200, 400, 200]
    assert [bool(answer.error) for answer in chat.ask(["w1", "w2", "w3"])] == [False, True, False]


def test_nobody_there_gives_up_after_a_few(chat, server, waits):
    chat.url = "http://127.0.0.1:9/v1"
    with pytest.raises(InputError, match="no connection"):
        chat.ask([f"about w{n}" for n in range(50)])
    assert len(waits) == 8 * 3
    assert server.requests == []


def test_redirects_do_not_carry_the_key_away(server, chat):
    server.script = [307]
    with pytest.raises(InputError, match="HTTP 307"):
        chat.ask(["about w1"])
    assert [path for path, _, _ in server.requests] == ["/v1/chat/completions"]


def test_keys_meant_for_others_are_not_sent(server, chat, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "secret")
    chat.ask(["about w1"])
    ((_, headers, _),) = server.requests
    assert "secret" not in str(headers)
    assert {name.lower() for name in headers} <= {
        "host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent",
    }  # fmt: skip


def test_a_key_that_no_header_can_hold_is_not_shown(chat, server, monkeypatch):
    chat.api_key_env = "MY_KEY"
    for key in ("sec\nret", "sécret"):
        monkeypatch.setenv("MY_KEY", key)
        with pytest.raises(ConfigError, match="no HTTP header can hold") as refused:
            chat.ask(["about w1"])
        assert key not in str(refused.value)
    assert server.requests == []


def test_a_proxy_that_cannot_be_used_is_refused_in_words(chat, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "nonsense://127.0.0.1")
    with pytest.raises(ConfigError, match="proxy named in the environment"):
        chat.ask(["about w1"])


def test_an_endless_answer_is_not_read_to_its_end(server, chat, monkeypatch):
    monkeypatch.setattr("semtune.prepare.questions.chat_client.MAX_BYTES", 100)
    chat.retries = 0
    server.script = [json.dumps({"choices": [{"message": {"content": "x" * 1000}}]})] * 8
    with pytest.raises(InputError, match="not a chat completion"):
        chat.ask(["about w1"] * 8)


def test_the_missing_package_is_named(chat, monkeypatch):
    monkeypatch.setattr("semtune.registry.installed", lambda module: module != "httpx")
    with pytest.raises(MissingExtraError, match=r"pip install 'semtune\[synthetic\]'"):
        chat.ask(["about w1"])


def test_a_missing_key_is_named(chat):
    chat.api_key_env = "SEMTUNE_NO_SUCH_KEY"
    with pytest.raises(ConfigError, match="'SEMTUNE_NO_SUCH_KEY', but that environment variable is not set"):
        chat.ask(["about w1"])


def test_requests_at_once_are_bounded_and_answers_in_order(server, chat):
    chat.concurrency = 3
    server.pause = 0.05
    answers = chat.ask([f"about w{n}" for n in range(9)])
    assert [answer.text for answer in answers] == [f'["where is w{n} kept in winter"]' for n in range(9)]
    assert server.most_at_once == 3


ROSES = Document(
    "d1", "Roses want sun and much water in the morning, and no wind at all in winter.", "", {"group": "a"}
)


@pytest.mark.parametrize(
    ("text", "questions", "reason"),
    [
        (
            '["what do roses want", "What do  roses want", "when to water roses"]',
            ["what do roses want", "when to water roses"],
            "",
        ),
        ('```json\n["what do roses want"]\n```', ["what do roses want"], ""),
        ('{"questions": ["what do roses want"]}', ["what do roses want"], ""),
        (
            '["one rose question", "two rose question", "three rose question"]',
            ["one rose question", "two rose question"],
            "",
        ),
        ("I cannot do that.", [], "answer is not a JSON list of questions"),
        ("[]", [], "answer is not a JSON list of questions"),
        ("[" * 100_000 + "]" * 100_000, [], "answer is not a JSON list of questions"),
        ('["roses?"]', [], "question not 3 to 40 words"),
        ("[3]", [], "question not 3 to 40 words"),
        ('["what does the passage say of roses"]', [], "question refers to its passage"),
        ('["roses want sun and much water"]', [], "question is copied from its passage"),
        ('["what is it for me"]', [], "question has only stop words and numbers"),
    ],
)
def test_questions_in_an_answer(text, questions, reason):
    tally = Tally()
    assert read_answer(Answer(text), ROSES, 2, tally) == questions
    assert list(tally.dropped) == ([f"synthetic: {reason}"] if reason else [])


def test_no_answer_is_counted():
    tally = Tally()
    assert read_answer(Answer(error="HTTP 500"), ROSES, 2, tally) == []
    assert tally.dropped == {"synthetic: no answer from the server": {"count": 1, "example": "d1: HTTP 500"}}


def test_a_question_is_kept_if_its_passage_is_found():
    corpus = [Document(f"d{n}", f"alpha{n} beta{n} gamma{n} common") for n in range(20)]
    found = [("beta3 gamma3", corpus[3]), ("beta4 gamma4", corpus[5]), ("common beta6 beta7", corpus[7])]
    encoder, tally = ToyEncoder(512), Tally()
    assert consistent(found, corpus, encoder, 1, Tally())[0] == found[0]
    assert found[1] not in consistent(found, corpus, encoder, 1, tally)
    assert consistent(found, corpus, encoder, 20, Tally()) == found
    assert consistent([], corpus, encoder, 1, Tally()) == []
    dropped = tally.dropped["synthetic: passage not among the first 1 found"]
    assert dropped["example"].startswith("beta4 gamma4 → d5 (rank ")


def test_the_prompt_and_its_estimate(chat, server):
    settings = SyntheticSettings(
        url=server.url, model="m", per_passage=3, prompt="{per_passage} for {passage}!", price_in=2, price_out=8
    )
    texts = [prompt("a {per_passage} passage", settings), prompt("x" * 400, settings)]
    assert texts[0] == "3 for a {per_passage} passage!"
    found = estimate([*texts, texts[0]], settings, chat)
    assert found == Estimate(2, 1, 8 + 102, 150, (110 * 2 + 150 * 8) / 1e6)
    assert str(found).startswith("Synthetic questions: 2 calls (1 more are already in the cache), about 110 tokens")
    chat.ask(texts)
    assert estimate(texts, settings.replace(price_in=0, price_out=0), chat) == Estimate(0, 2, 0, 0, None)


def garden():
    documents = [
        Document(
            f"d{n}",
            f"In winter the gardener keeps tool w{n} in shed s{n} beside tree t{n} and pond p{n}.",
            "",
            {"group": f"g{n // 2}"},
        )
        for n in range(12)
    ]
    queries = {f"q{n}": Query(f"q{n}", f"which tree is beside shed s{n}", {"group": f"g{n // 2}"}) for n in (0, 2, 4)}
    return Dataset(
        corpus=[*documents, Document("short", "Too short to ask.", "", {"group": "x"})],
        queries=queries,
        qrels={"train": {"q4": {"d4": 1}}, "dev": {"q0": {"d0": 1}}, "test": {"q2": {"d2": 1}}},
        pairs={"train": [Pair(queries["q4"].text, documents[4].text)]},
    )


def test_passages_of_dev_and_test_and_their_groups_are_not_asked_about():
    tally = Tally()
    assert [d.id for d in choose_passages(garden(), 100, 0, tally)] == [f"d{n}" for n in range(4, 12)]
    assert tally.counts == {"passages not used for synthetic questions (dev, test and their groups)": 4}
    assert tally.dropped["synthetic: passage of fewer than 12 words"] == {"count": 1, "example": "short"}
    few = choose_passages(garden(), 3, 0, Tally())
    assert len(few) == 3
    assert few == choose_passages(garden(), 3, 0, Tally())


class Said:
    def __init__(self):
        self.lines = []

    def say(self, message):
        self.lines.append(message)

    def track(self, task, total=None):
        from semtune.progress import QUIET

        return QUIET.track(task, total)


def test_questions_are_added_to_train_only(server, chat):
    server.answer = lambda text: json.dumps(
        [f"winter tool {re.search('w[0-9]+', text)[0]} shed tree pond", "zzz yyy xxx unrelated", 5]
    )
    data, tally, said = garden(), Tally(), Said()
    held = {split: dict(data.qrels[split]) for split in ("dev", "test")}
    settings = SyntheticSettings(url=server.url, model="m", per_passage=3, top_k=1)
    made = add_synthetic(data, settings, ToyEncoder(1 << 15), 0, tally, said, chat)
    assert {split: data.qrels[split] for split in ("dev", "test")} == held
    new = [query for query in data.queries.values() if query.metadata.get("source") == "synthetic"]
    assert [query.text for query in new] == [f"winter tool w{n} shed tree pond" for n in range(4, 12)]
    assert [data.qrels["train"][query.id] for query in new] == [{f"d{n}": 1} for n in range(4, 12)]
    assert [query.metadata["group"] for query in new] == [f"g{n // 2}" for n in range(4, 12)]
    assert data.pairs["train"][1:] == [
        Pair(q.text, data.corpus[n].text) for n, q in zip(range(4, 12), new, strict=True)
    ]
    assert made["spent"] == {"calls": 8, "tokens_in": 800, "tokens_out": 160}
    assert (made["calls"], made["cached"], made["model"], made["cost"]) == (8, 0, "m", None)
    assert said.lines[0].startswith("Synthetic questions: 8 calls")
    assert tally.counts["synthetic questions made"] == 16
    assert tally.counts["synthetic questions kept"] == 8
    assert tally.dropped["synthetic: passage not among the first 1 found"]["count"] == 8
    assert tally.dropped["synthetic: question not 3 to 40 words"]["count"] == 8


def test_nothing_is_done_and_nobody_contacted_unless_configured(monkeypatch):
    def refuse(*_args, **_named):
        raise AssertionError

    monkeypatch.setattr(Chat, "ask", refuse)
    data = garden()
    assert add_synthetic(data, SyntheticSettings(), None, 0, Tally()) is None
    assert data == garden()


def test_without_an_encoder_it_is_refused_or_said(server, chat):
    with pytest.raises(ConfigError, match="no encoder was given"):
        add_synthetic(garden(), SyntheticSettings(url=server.url, model="m"), None, 0, Tally(), chat=chat)
    tally = Tally()
    add_synthetic(garden(), SyntheticSettings(url=server.url, model="m", top_k=0), None, 0, tally, chat=chat)
    assert tally.counts["synthetic questions kept"] == 8
    assert "were not checked by retrieval" in tally.warnings[0]


def test_prepare_with_synthetic_questions_leaks_nothing(server, tmp_path, tokenizer):
    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(12):
        (folder / f"{n}.md").write_text(
            f"# Growing the plant k{n}\n\nIn bed b{n} plant w{n} wants sun u{n} and water v{n} from can c{n} each day "
            f"at hour h{n} until month m{n}.\n"
        )
    values = {"url": server.url, "model": "m", "cache": str(tmp_path / "c.jsonl"), "retries": 0}
    settings = PrepareSettings(synthetic=values)
    data = prepare(folder, tokenizer, 64, settings, 0, encoder=ToyEncoder(512))
    plain = prepare(folder, tokenizer, 64, PrepareSettings(), 0)
    assert {split: data.qrels[split] for split in ("dev", "test")} == {s: plain.qrels[s] for s in ("dev", "test")}
    counts = data.report["counts"]["questions by source"]
    assert counts["synthetic"] == {"train": len(plain.qrels["train"])} == {"train": data.report["synthetic"]["calls"]}
    assert data.report["leaks"]["found"] == 0
    assert {row["source"] for row in data.report["sample"]} == {"heading", "synthetic"}
    assert data.report["settings"]["synthetic"]["model"] == "m"
    asked = len(server.requests)
    again = prepare(folder, tokenizer, 64, settings, 0, encoder=ToyEncoder(512))
    assert (again.pairs, len(server.requests)) == (data.pairs, asked)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"urll": "x"}, "Did you mean 'url'"),
        ({"url": "file:///etc/passwd", "model": "m"}, r"url: string should match pattern"),
        ({"url": "http://h/v1"}, "a url needs a model"),
        (
            {"url": "http://h/v1", "model": "m", "per_passage": 0},
            "per_passage: input should be greater than or equal to 1",
        ),
        ({"url": "http://h/v1", "model": "m", "timeout": 0}, "timeout: input should be greater than 0"),
        ({"url": "http://h/v1", "model": "m", "prompt": "ask"}, r"must contain \{passage\}"),
    ],
)
def test_settings_that_cannot_work_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        SyntheticSettings(**values)
    with pytest.raises(ConfigError, match=message):
        PrepareSettings(synthetic=values)
