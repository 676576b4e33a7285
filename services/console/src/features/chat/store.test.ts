import { describe, expect, it, vi } from "vitest";
import type { Api } from "../../api/client.ts";
import type { ChatMessage, EventMessage } from "../../api/types.ts";
import { ChatStore } from "./store.ts";

function message(id: string): ChatMessage {
  const user = "00000000-0000-7000-8000-000000000001";
  const sent_at = "2030-01-01T00:00:00.000Z";
  return { id, user, name: "Ada", role: "viewer", text: id, sent_at };
}

function told(event: string, data: unknown): EventMessage {
  const time = "2030-01-01T00:00:00.000Z";
  return { channel: "chat", stream: "main", offset: 1, time, event, data } as EventMessage;
}

const ids = (store: ChatStore) => store.messages.get()?.map(({ id }) => id);

describe("the chat", () => {
  it("forgets a message that somebody deleted", () => {
    const store = new ChatStore({} as Api, "main");
    store.snapshot([message("a"), message("b")]);
    store.event(told("chat.message.posted", message("c")));
    store.event(told("chat.message.deleted", { id: "b" }));
    store.event(told("chat.message.deleted", { id: "unknown" }));
    store.event(told("chat.message.deleted", "nonsense"));
    expect(ids(store)).toEqual(["a", "c"]);
  });

  it("deletes a message, and keeps it where that is refused", async () => {
    const answers = [
      { ok: false, status: 503, headers: new Headers() },
      { ok: true, headers: new Headers() },
    ];
    const DELETE = vi.fn(async () => ({ response: answers.shift() }));
    const store = new ChatStore({ DELETE } as unknown as Api, "main");
    store.snapshot([message("a")]);
    expect(await store.delete("a")).not.toBeNull();
    expect(ids(store)).toEqual(["a"]);
    expect(await store.delete("a")).toBeNull();
    expect(ids(store)).toEqual([]);
    expect(DELETE).toHaveBeenCalledWith("/api/chat/{id}", {
      params: { path: { id: "a" }, query: { stream: "main" } },
    });
  });

  it("follows edits in their place", () => {
    const store = new ChatStore({} as Api, "main");
    store.snapshot([message("a"), message("b")]);
    store.event(told("chat.message.edited", { ...message("a"), text: "A" }));
    store.event(told("chat.message.edited", message("unknown")));
    expect(store.messages.get()?.map(({ text }) => text)).toEqual(["A", "b"]);
  });

  it("says that a message waits for a moderator, and does not show it", async () => {
    const held = { ...message("h"), cause: "link", held_at: "2030-01-01T00:00:00.000Z" };
    const response = { ok: true, status: 202, headers: new Headers() };
    const POST = vi.fn(async () => ({ data: held, response }));
    const store = new ChatStore({ POST } as unknown as Api, "main");
    store.snapshot([]);
    const sent = await store.post("see evil.com", { replyTo: "a", announce: false });
    expect(sent).toEqual({ kind: "held" });
    expect(ids(store)).toEqual([]);
    expect(POST).toHaveBeenCalledWith("/api/chat", {
      params: { query: { stream: "main" } },
      body: { text: "see evil.com", reply_to: "a" },
    });
  });

  it("puts older messages before those that are there, until there are none", async () => {
    const response = { ok: true, headers: new Headers() };
    const data = { messages: [message("x"), message("a")], next: null };
    const GET = vi.fn(async () => ({ data, response }));
    const store = new ChatStore({ GET } as unknown as Api, "main");
    store.snapshot([message("a"), message("b")]);
    expect(await store.loadOlder()).toBeNull();
    expect(ids(store)).toEqual(["x", "a", "b"]);
    expect(store.hasOlder.get()).toBe(false);
  });
});
