import { describe, expect, it } from "vitest";
import type { OutputView } from "../../api/types.ts";
import { type Draft, draftOf, EMPTY, hasSecret, newOutput, outputPatch, rebased } from "./draft.ts";
import { rtmpOutput } from "./samples.ts";

const srt: OutputView["target"] = {
  url: "srt://a.example:9000",
  mode: "caller",
  stream_id: "live",
  has_passphrase: true,
  latency_ms: 200,
};
const file: OutputView["target"] = {
  format: "mkv",
  split_s: 600,
  split_bytes: 1_500_000,
  keep_files: null,
  keep_s: 5_400,
};

describe("a new output", () => {
  it.each<[Partial<Draft>, unknown]>([
    [
      { kind: "rtmp", name: " Platform ", url: " rtmp://a.example/app ", secret: "k" },
      { name: "Platform", kind: "rtmp", target: { url: "rtmp://a.example/app", key: "k" } },
    ],
    [
      { kind: "srt", name: "Peer", url: "srt://a.example:9000" },
      {
        name: "Peer",
        kind: "srt",
        target: { url: "srt://a.example:9000", mode: "caller", latency_ms: 125 },
      },
    ],
    [
      { kind: "rtmp", name: "Far", url: "rtmp://a.example/app", adaptive: true, minKbps: "300" },
      {
        name: "Far",
        kind: "rtmp",
        target: { url: "rtmp://a.example/app" },
        adaptive: { enabled: true, min_kbps: 300 },
      },
    ],
    [
      { kind: "file", name: "Archive", splitMebibytes: "2", keepHours: "0.5" },
      {
        name: "Archive",
        kind: "file",
        target: { format: "mp4", split_bytes: 2_097_152, keep_s: 1_800 },
      },
    ],
  ])("of %o", (draft, body) => {
    expect(newOutput({ ...EMPTY, ...draft })).toEqual(body);
  });
});

describe("a change", () => {
  it.each([
    ["rtmp", rtmpOutput().target],
    ["srt", srt],
    ["file", file],
  ] as const)("of nothing of %s is none", (kind, target) => {
    const before = draftOf(rtmpOutput({ kind, target }));
    expect(outputPatch(before, { ...before })).toBeNull();
  });

  it("names only what is other than before", () => {
    const before = draftOf(rtmpOutput({ kind: "file", target: file }));
    expect(outputPatch(before, { ...before, splitSeconds: "", keepHours: "2" })).toEqual({
      target: { split_s: null, keep_s: 7_200 },
    });
    expect(outputPatch(before, { ...before, name: "Other" })).toEqual({ name: "Other" });
  });

  it("of how it adapts is sent as a whole, and ends where there is not one target", () => {
    const adaptive = { enabled: true, min_kbps: 300 };
    const before = draftOf(rtmpOutput({ kind: "srt", target: srt, adaptive }));
    expect(outputPatch(before, { ...before, minKbps: "400" })).toEqual({
      adaptive: { enabled: true, min_kbps: 400 },
    });
    expect(outputPatch(before, { ...before, mode: "listener" })).toEqual({
      target: { mode: "listener" },
      adaptive: { enabled: false, min_kbps: 300 },
    });
  });

  it("keeps a secret unless it is replaced or taken away", () => {
    const before = draftOf(rtmpOutput({ kind: "srt", target: srt }));
    expect(hasSecret(rtmpOutput({ kind: "srt", target: srt }))).toBe(true);
    expect(before.secret).toBe("");
    expect(outputPatch(before, { ...before, streamId: "" })).toEqual({
      target: { stream_id: null },
    });
    expect(outputPatch(before, { ...before, secret: "a new passphrase" })).toEqual({
      target: { passphrase: "a new passphrase" },
    });
    expect(outputPatch(before, { ...before, forgetSecret: true })).toEqual({
      target: { passphrase: null },
    });
  });

  it("is laid over what somebody else made of it", () => {
    const before = draftOf(rtmpOutput());
    const theirs = draftOf(rtmpOutput({ name: "Theirs" }));
    const mine = { ...before, url: "rtmp://b.example/app", secret: "k" };
    expect(rebased(before, mine, theirs)).toEqual({ ...mine, name: "Theirs" });
  });
});
