import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { noSignals, type Signal, surroundings } from "./signals.ts";

const page = { window: new EventTarget(), document: new EventTarget() as Document };
let heard: Signal[];
let end: () => void;

/** Whether the page is out of sight. */
function hide(hidden: boolean): void {
  Object.defineProperty(page.document, "hidden", { value: hidden, configurable: true });
}

beforeEach(() => {
  hide(false);
  vi.stubGlobal("window", page.window);
  vi.stubGlobal("document", page.document);
  heard = [];
  end = surroundings((signal) => heard.push(signal));
});
afterEach(() => {
  end();
  vi.unstubAllGlobals();
});

const happens = (target: EventTarget, name: string, detail = {}) =>
  target.dispatchEvent(Object.assign(new Event(name), detail));

it("tells of the network", () => {
  happens(page.window, "offline");
  happens(page.window, "online");
  expect(heard).toEqual(["network-lost", "network-returned"]);
});

it("tells whether the page is seen", () => {
  hide(true);
  happens(page.document, "visibilitychange");
  hide(false);
  happens(page.document, "visibilitychange");
  expect(heard).toEqual(["hidden", "shown"]);
});

it("tells of a page that goes on after a freeze, if somebody sees it", () => {
  happens(page.document, "resume");
  hide(true);
  happens(page.document, "resume");
  expect(heard).toEqual(["shown"]);
});

it("tells of a page that is brought back, not of one that is new", () => {
  happens(page.window, "pageshow", { persisted: false });
  happens(page.window, "pageshow", { persisted: true });
  expect(heard).toEqual(["shown"]);
});

it("tells nothing after its end", () => {
  end();
  happens(page.window, "online");
  expect(heard).toEqual([]);
});

it("begins with what is the case", () => {
  hide(true);
  const told: Signal[] = [];
  surroundings((signal) => told.push(signal))();
  expect(told).toEqual(["hidden"]);
});

it("tells nothing where there is no page", () => {
  vi.stubGlobal("document", undefined);
  expect(() => surroundings(() => expect.unreachable())()).not.toThrow();
  expect(() => noSignals(() => expect.unreachable())()).not.toThrow();
});
