"""What people write around sentence-transformers and FAISS: FastAPI, with and without coalescing of requests.

python benchmarks/serve_peers.py naive|coalescing WORK PORT, where WORK has the model, the vectors and the texts.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

MOST, WAIT = 32, 0.005  # texts of a batch, and seconds to wait for others


class Question(BaseModel):
    """A search."""

    query: str
    k: int = 10


class Search:
    """The model and an exact index in memory."""

    def __init__(self, work: Path) -> None:
        self._model = SentenceTransformer(str(work / "source"), device="cpu", local_files_only=True)
        vectors = np.load(work / "vectors.npy")
        self._texts = json.loads((work / "texts.json").read_text("utf-8"))
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def many(self, queries: list[str], k: int) -> list[list[dict[str, Any]]]:
        """The k nearest texts of each query."""
        asked = self._model.encode(queries, normalize_embeddings=True, show_progress_bar=False)
        scores, rows = self._index.search(np.asarray(asked, np.float32), k)
        return [
            [
                {"id": int(row), "score": float(score), "text": self._texts[row]}
                for row, score in zip(*found, strict=True)
            ]
            for found in zip(rows, scores, strict=True)
        ]


def naive(search: Search) -> FastAPI:
    """An `async def` endpoint that calls the model."""
    app = FastAPI()

    @app.post("/search")
    async def find(question: Question) -> dict[str, Any]:
        return {"hits": search.many([question.query], question.k)[0]}

    return app


def coalescing(search: Search) -> FastAPI:
    """Requests are gathered into batches, which a thread computes."""
    waiting: asyncio.Queue[tuple[Question, asyncio.Future[Any]]] = asyncio.Queue()

    async def work() -> None:
        while True:
            batch = [await waiting.get()]
            end = asyncio.get_running_loop().time() + WAIT
            while len(batch) < MOST and (left := end - asyncio.get_running_loop().time()) > 0:
                try:
                    batch.append(await asyncio.wait_for(waiting.get(), left))
                except asyncio.TimeoutError:
                    break
            most = max(question.k for question, _ in batch)
            found = await asyncio.to_thread(search.many, [question.query for question, _ in batch], most)
            for (question, answer), hits in zip(batch, found, strict=True):
                if not answer.done():
                    answer.set_result(hits[: question.k])

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(work())
        yield
        task.cancel()

    app = FastAPI(lifespan=life)

    @app.post("/search")
    async def find(question: Question) -> dict[str, Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await waiting.put((question, answer))
        return {"hits": await answer}

    return app


if __name__ == "__main__":
    made = {"naive": naive, "coalescing": coalescing}[sys.argv[1]](Search(Path(sys.argv[2])))
    uvicorn.run(made, host="127.0.0.1", port=int(sys.argv[3]), log_level="warning", access_log=False)
