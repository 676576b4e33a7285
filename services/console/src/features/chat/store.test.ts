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
});
