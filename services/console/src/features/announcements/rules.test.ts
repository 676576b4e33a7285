import { expect, it } from "vitest";
import type { StreamState } from "../../api/types.ts";
import { ManualClock } from "../../clock.ts";
import { Observable } from "../../observable.ts";
import { outputState, stateWith } from "../outputs/samples.ts";
import { Announcer } from "./announcer.ts";
import { announceOutputs } from "./rules.ts";

function scene() {
  const state = new Observable<StreamState | null>(null);
  const announcer = new Announcer(new ManualClock());
  announceOutputs(state, announcer);
  return { state, said: () => announcer.current.get().text };
}

it("tells of an output that fails by itself, and why", () => {
  const { state, said } = scene();
  state.set(stateWith([outputState()]));
  expect(said()).toBe("");
  state.set(stateWith([outputState({ status: "reconnecting", error: "the server hung up" })]));
  expect(said()).toBe("Output Platform reconnecting. the server hung up");
});

it("says nothing of figures, of new outputs, nor of connecting", () => {
  const { state, said } = scene();
  state.set(stateWith([]));
  state.set(stateWith([outputState()]));
  state.set(stateWith([outputState({ bitrate_kbps: 7 })]));
  state.set(stateWith([outputState({ status: "connecting" })]));
  expect(said()).toBe("");
});

it("leaves the word to the stream when that changes too", () => {
  const { state, said } = scene();
  state.set(stateWith([outputState()]));
  state.set({ ...stateWith([outputState({ status: "stopped" })]), status: "offline" });
  expect(said()).toBe("");
});
