"""Asks a server with real client packages; run by the interpreter that has them, not by the one of the tests.

`python real_clients.py CLIENT URL` reads {"texts", "query"} from stdin and writes what the client gave to stdout.
"""

import json
import os
import sys
from pathlib import Path

os.environ.update(DO_NOT_TRACK="1", HAYSTACK_TELEMETRY_ENABLED="false", LITELLM_LOCAL_MODEL_COST_MAP="True")


def openai_python(url, texts, query):
    import openai

    with openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0) as client:
        documents = client.embeddings.create(model="kettles", input=texts)
        asked = client.embeddings.create(model="kettles:query", input=query, encoding_format="float")
        return {"documents": [row.embedding for row in documents.data], "query": asked.data[0].embedding}


def _langchain_openai(url, **settings):
    from langchain_openai import OpenAIEmbeddings

    return OpenAIEmbeddings(base_url=url + "/v1", api_key="none", max_retries=0, **settings)


def langchain_openai(url, texts, query):
    documents = _langchain_openai(url, model="kettles", check_embedding_ctx_length=False)
    asked = _langchain_openai(url, model="kettles:query", check_embedding_ctx_length=False)
    return {"documents": documents.embed_documents([*texts, ""])[:-1], "query": asked.embed_query(query)}


def langchain_openai_with_ids(url, texts, query):
    """As it is by default: token ids of cl100k_base."""
    documents = _langchain_openai(url, model="kettles", chunk_size=2)
    asked = _langchain_openai(url, model="kettles:query")
    return {"documents": documents.embed_documents([*texts, ""])[:-1], "query": asked.embed_query(query)}


def langchain_cohere(url, texts, query):
    from langchain_cohere import CohereEmbeddings, CohereRerank

    client = CohereEmbeddings(model="kettles", cohere_api_key="none", base_url=url, user_agent="test")
    ranks = CohereRerank(model="kettles", cohere_api_key="none", base_url=url, top_n=len(texts)).rerank(texts, query)
    return {
        "documents": client.embed_documents(texts),
        "query": client.embed_query(query),
        "scores": {rank["index"]: rank["relevance_score"] for rank in ranks},
    }


def llamaindex_tei(url, texts, query):
    from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference

    documents = TextEmbeddingsInference(model_name="kettles", base_url=url, auth_token="secret")
    asked = TextEmbeddingsInference(model_name="kettles", base_url=url + "/tei/kettles:query")
    return {"documents": documents.get_text_embedding_batch(texts), "query": asked.get_query_embedding(query)}


def llamaindex_tei_errors(url, texts, query):
    """What becomes of errors in the client, which never looks at the status."""
    from llama_index.core.schema import TextNode
    from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference

    client = TextEmbeddingsInference(model_name="other", base_url=url + "/tei/other")
    asks = {
        "query": lambda: client.get_query_embedding(query),
        "text": lambda: client.get_text_embedding(query),
        "batch": lambda: client.get_text_embedding_batch(texts),
        "batch of two": lambda: client.get_text_embedding_batch(texts[:2]),
        "nodes": lambda: [node.embedding for node in client([TextNode(text=text) for text in texts[:2]])],
    }
    return {name: _outcome(ask) for name, ask in asks.items()}


def _outcome(ask):
    try:
        return {"returned": ask()}
    except Exception as error:
        return {"raised": type(error).__name__}


def llamaindex_openai_like(url, texts, query):
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding

    documents = OpenAILikeEmbedding(model_name="kettles", api_base=url + "/v1", api_key="none", max_retries=0)
    asked = OpenAILikeEmbedding(model_name="kettles:query", api_base=url + "/v1", api_key="none", max_retries=0)
    return {"documents": documents.get_text_embedding_batch(texts), "query": asked.get_query_embedding(query)}


def haystack(url, texts, query):
    from haystack import Document
    from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
    from haystack.utils import Secret

    key = Secret.from_token("none")
    documents = OpenAIDocumentEmbedder(api_key=key, model="kettles", api_base_url=url + "/v1", progress_bar=False)
    asked = OpenAITextEmbedder(api_key=key, model="kettles:query", api_base_url=url + "/v1")
    made = documents.run([Document(content=text) for text in texts])["documents"]
    return {"documents": [document.embedding for document in made], "query": asked.run(query)["embedding"]}


def huggingface_hub(url, texts, query):
    from huggingface_hub import InferenceClient

    documents = InferenceClient(model=url, token="none").feature_extraction(texts, normalize=True, truncate=True)
    asked = InferenceClient(model=url + "/embed").feature_extraction(query, prompt_name="query")
    similar = InferenceClient(model=url + "/similarity").sentence_similarity(texts[0], other_sentences=texts)
    return {"documents": documents.tolist(), "query": asked[0].tolist(), "similar": similar}


def cohere_v1(url, texts, query):
    import cohere

    return _cohere(cohere.Client(api_key="none", base_url=url), texts, query, lambda made: made.embeddings)


def cohere_v2(url, texts, query):
    import cohere

    client = cohere.ClientV2(api_key="none", base_url=url)
    return _cohere(client, texts, query, lambda made: made.embeddings.float_, embedding_types=["float"])


def _cohere(client, texts, query, vectors_of, **settings):
    documents = client.embed(texts=texts, model="kettles", input_type="search_document", **settings)
    asked = client.embed(texts=[query], model="kettles", input_type="search_query", **settings)
    ranks = client.rerank(model="kettles", query=query, documents=texts, top_n=len(texts)).results
    return {
        "documents": vectors_of(documents),
        "query": vectors_of(asked)[0],
        "scores": {rank.index: rank.relevance_score for rank in ranks},
    }


def litellm_openai(url, texts, query):
    import litellm

    where = {"api_base": url + "/v1", "api_key": "none"}
    documents = litellm.embedding(model="openai/kettles", input=texts, **where)
    asked = litellm.embedding(model="openai/kettles:query", input=[query], encoding_format="float", **where)
    return {"documents": [row["embedding"] for row in documents.data], "query": asked.data[0]["embedding"]}


def litellm_rerank(url, texts, query):
    import litellm

    found = {}
    # Not infinity: its answers have documents as strings, and its requests cannot be told from those of others.
    for provider, path in {"cohere": "/v2/rerank", "jina_ai": "/v1/rerank", "hosted_vllm": ""}.items():
        answer = litellm.rerank(
            model=f"{provider}/kettles",
            query=query,
            documents=texts,
            top_n=len(texts),
            api_base=url + path,
            api_key="no",
        )
        found[provider] = {rank["index"]: rank["relevance_score"] for rank in answer.results}
    return {"scores": found}


if __name__ == "__main__":
    name, address = sys.argv[1:]
    asked_for = json.load(sys.stdin)
    if name.startswith("langchain_openai"):
        import litellm

        os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(litellm.__file__).parent / "litellm_core_utils" / "tokenizers")
    json.dump(globals()[name](address, asked_for["texts"], asked_for["query"]), sys.stdout)
