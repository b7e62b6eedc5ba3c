"""Runs a topic model on given texts and vectors: `python uses_topics_worker.py SYSTEM SEED TEXTS.json VECTORS.npy`.

Prints one JSON object: the topic of each text (-1: none), the topics' words, the seconds, the peak of memory in MB.
For `uses_topics.py`, which starts it with the interpreter that has the system.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np


def semtune(texts, vectors, seed):
    from semtune.tasks.topics.draws import distinct, keys_of
    from semtune.tasks.topics.fit import fit
    from semtune.tasks.topics.words import names_of

    keys = keys_of(texts)
    first, place = distinct(keys)
    fitted = fit(vectors[first], keys[first], seed=seed)
    said = fitted.model.assign_projected(fitted.projected)
    words = names_of(said.topic, [texts[row] for row in first], 10)
    facts = {"stability": fitted.stability_of(said.topic, len(fitted.model.ids)).tolist()}
    return said.topic[place].tolist(), words, {**facts, "near": said.near[place].tolist()}


def bertopic(texts, vectors, seed):
    from bertopic import BERTopic
    from umap import UMAP

    # Its defaults; the seed is the one way to make UMAP repeat itself.
    layout = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=seed)
    model = BERTopic(embedding_model=None, umap_model=layout)
    labels, _ = model.fit_transform(texts, vectors)
    words = [[word for word, _ in found] for topic, found in sorted(model.get_topics().items()) if topic >= 0]
    return list(map(int, labels)), words, {}


def turftopic(texts, vectors, seed):
    from turftopic import ClusteringTopicModel

    class Given:
        """Stands in for an encoder: the vectors are given."""

        def encode(self, sentences, **_):
            return np.zeros((len(sentences), vectors.shape[1]), dtype=np.float32)

    model = ClusteringTopicModel(encoder=Given(), random_state=seed, feature_importance="c-tf-idf")
    model.fit_transform(texts, embeddings=vectors)
    words = {int(topic): [word for word, _ in found] for topic, found in model.get_topics()}
    return [int(label) for label in model.labels_], [words[topic][:10] for topic in sorted(words) if topic >= 0], {}


def main():
    system, seed, texts, vectors = sys.argv[1], int(sys.argv[2]), sys.argv[3], np.load(sys.argv[4], mmap_mode="r")
    texts = json.loads(Path(texts).read_text(encoding="utf-8"))
    began = time.perf_counter()
    run = {"semtune": semtune, "bertopic": bertopic, "turftopic": turftopic}[system]
    labels, words, facts = run(texts, vectors if system == "semtune" else np.asarray(vectors), seed)
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"labels": labels, "words": words, "seconds": seconds, "memory_mb": memory, **facts}))


if __name__ == "__main__":
    main()
