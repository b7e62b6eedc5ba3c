"""The SDK's own client, for tests of `semtune mcp`."""

from mcp import Client

TOOLS = ["search", "fetch", "similar"]


async def talk(to, *calls, mode="auto"):
    async with Client(to, mode=mode) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
        return [await client.call_tool(name, arguments) for name, arguments in calls]


def text(result):
    assert [content.type for content in result.content] == ["text"]
    return result.content[0].text


def refused(result):
    assert result.is_error
    assert result.structured_content is None
    return text(result)
