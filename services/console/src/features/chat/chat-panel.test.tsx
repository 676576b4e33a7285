import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { NO_ANSWER } from "../../api/problem.ts";
import type { ChatMessage, HeldMessage, Role } from "../../api/types.ts";
import { Observable } from "../../observable.ts";
import type { Runtime } from "../../runtime.ts";
import { RuntimeContext } from "../../runtime-context.ts";
import { ChatPanel } from "./chat-panel.tsx";

afterEach(cleanup);
beforeAll(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
    this.open = true;
  };
});

const ME = "00000000-0000-7000-8000-000000000001";
const ADA = "00000000-0000-7000-8000-000000000002";
const sent_at = "2030-01-01T00:00:00.000Z";

function message(id: string, user: string, more: Partial<ChatMessage> = {}): ChatMessage {
  const name = user === ME ? "Me" : "Ada";
  return { id, user, name, role: "viewer", text: `text ${id}`, sent_at, kind: "message", ...more };
}

function shown(role: Role, messages: readonly ChatMessage[], held: readonly HeldMessage[] = []) {
  const chat = {
    messages: new Observable<readonly ChatMessage[] | null>(messages),
    hasOlder: new Observable(false),
    post: vi.fn(async () => ({ kind: "posted" })),
    edit: vi.fn(async () => null),
    delete: vi.fn(async () => NO_ANSWER),
  };
  const chatRoom = {
    pins: new Observable<readonly ChatMessage[]>([]),
    slowMode: new Observable(0),
    leftOut: new Observable(0),
    pin: vi.fn(async () => null),
    unpin: vi.fn(async () => null),
  };
  const moderation = {
    held: new Observable(held),
    decide: vi.fn(async () => null),
    silence: vi.fn(async () => null),
  };
  const identity = { user: ME, name: "Me", role };
  const session = { state: new Observable({ kind: "signed-in", identity }) };
  const connection = { state: new Observable({ kind: "live", hearsEvents: true }) };
  const poller = { state: new Observable("off") };
  const link = { connection, poller };
  const runtime = { chat, chatRoom, moderation, session, ...link } as unknown as Runtime;
  render(
    <RuntimeContext value={runtime}>
      <ChatPanel />
    </RuntimeContext>,
  );
  return { chat, chatRoom, moderation };
}

const write = (text: string) => {
  fireEvent.change(screen.getByLabelText("Message"), { target: { value: text } });
};

it("offers moderators what viewers are not offered", () => {
  shown("viewer", [message("a", ADA)]);
  expect(screen.queryByLabelText("Delete what Ada wrote")).toBeNull();
  expect(screen.queryByLabelText("Rules of the chat")).toBeNull();
  expect(screen.queryByLabelText("Announce to all")).toBeNull();
  cleanup();
  shown("moderator", [message("a", ADA)]);
  expect(screen.getByLabelText("Delete what Ada wrote")).toBeTruthy();
  expect(screen.getByLabelText("Silence Ada")).toBeTruthy();
  expect(screen.queryByLabelText("Edit your message")).toBeNull();
});

it("replies, and forgets that when it is taken back", async () => {
  const { chat } = shown("viewer", [message("a", ADA)]);
  fireEvent.click(screen.getByLabelText("Reply to Ada"));
  expect(document.activeElement).toBe(screen.getByLabelText("Message"));
  write("yes");
  fireEvent.click(screen.getByText("Send"));
  await waitFor(() => expect(chat.post).toHaveBeenCalledOnce());
  expect(chat.post).toHaveBeenLastCalledWith("yes", { replyTo: "a", announce: false });
  fireEvent.click(screen.getByLabelText("Reply to Ada"));
  fireEvent.keyDown(screen.getByLabelText("Message"), { key: "Escape" });
  write("hello");
  fireEvent.click(screen.getByText("Send"));
  await waitFor(() => expect(chat.post).toHaveBeenCalledTimes(2));
  expect(chat.post).toHaveBeenLastCalledWith("hello", { replyTo: null, announce: false });
});

it("edits one's own message with its text to begin with", async () => {
  const { chat } = shown("viewer", [message("a", ME)]);
  fireEvent.click(screen.getByLabelText("Edit your message"));
  expect((screen.getByLabelText("Message") as HTMLInputElement).value).toBe("text a");
  write("text b");
  fireEvent.click(screen.getByText("Save"));
  await waitFor(() => expect(chat.edit).toHaveBeenCalledWith("a", "text b"));
});

it("announces where that is ticked", async () => {
  const { chat } = shown("operator", []);
  write("Welcome");
  fireEvent.click(screen.getByLabelText("Announce to all"));
  fireEvent.click(screen.getByText("Send"));
  await waitFor(() => expect(chat.post).toHaveBeenCalledOnce());
  expect(chat.post).toHaveBeenCalledWith("Welcome", { replyTo: null, announce: true });
});

it("shows edits, answers and what the system says, each as what it is", () => {
  shown("viewer", [
    message("a", ADA, { edited_at: sent_at, reply_to: { id: "x", user: ME, name: "Me" } }),
    message("b", ADA, { kind: "announcement" }),
    message("c", ADA, { kind: "system", text: "The stream is live." }),
  ]);
  expect(screen.getByText("(edited)")).toBeTruthy();
  expect(screen.getByText("Answers Me")).toBeTruthy();
  expect(screen.getByText("Announcement")).toBeTruthy();
  expect(screen.getByText("The stream is live.")).toBeTruthy();
  expect(screen.getAllByLabelText("Reply to Ada")).toHaveLength(2);
});

it("says why something was not done", async () => {
  shown("moderator", [message("a", ADA)]);
  fireEvent.click(screen.getByLabelText("Delete what Ada wrote"));
  expect((await screen.findByRole("alert")).textContent).toContain("Not done.");
});

it("decides what was held", async () => {
  const held: HeldMessage = {
    ...message("h", ADA),
    cause: "link",
    held_at: sent_at,
  };
  const { moderation } = shown("moderator", [], [held]);
  fireEvent.click(screen.getByText("1 held"));
  fireEvent.click(screen.getByLabelText("Post what Ada wrote"));
  await waitFor(() => expect(moderation.decide).toHaveBeenCalledWith("h", true));
});

it("silences for as long as was chosen", async () => {
  const { moderation } = shown("moderator", [message("a", ADA)]);
  fireEvent.click(screen.getByLabelText("Silence Ada"));
  fireEvent.change(screen.getByLabelText("For how long"), { target: { value: "forever" } });
  fireEvent.click(screen.getByText("Silence"));
  await waitFor(() => expect(moderation.silence).toHaveBeenCalledOnce());
  expect(moderation.silence).toHaveBeenCalledWith(ADA, {
    seconds: null,
    reason: null,
    delete_messages: false,
  });
});
