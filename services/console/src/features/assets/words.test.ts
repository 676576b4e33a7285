import { expect, it } from "vitest";
import { assetOf, sceneUse } from "./samples.ts";
import { figuresOf, usesOf } from "./words.ts";

it("says of a file what is known of it", () => {
  const video = assetOf({
    kind: "video",
    width: 640,
    height: 360,
    duration_ms: 64_000,
    bytes: 1_200_000,
    video_codec: "H.264",
    audio_codec: "AAC",
  });
  expect(figuresOf(video)).toBe("640×360 · 01:04 · 1.2 MB · H.264 · AAC");
  expect(figuresOf(assetOf({ kind: "font", family: "Inter", bytes: 900 }))).toBe("900 B · Inter");
  expect(figuresOf(assetOf({ width: 1, height: 2, frames: 3, duration_ms: 600, bytes: 5 }))).toBe(
    "1×2 · 00:00 · 3 frames · 5 B",
  );
});

it("says where a file is used, and first where it is on air", () => {
  expect(usesOf(assetOf({}))).toBe("Not used");
  expect(usesOf(assetOf({ uses: [sceneUse("Intro")] }))).toBe("In Intro");
  const twice = [sceneUse("Intro"), sceneUse("Intro"), sceneUse("Outro", true)];
  expect(usesOf(assetOf({ uses: twice }))).toBe("On air in Outro and 1 more scene");
  const thrice = [sceneUse("A"), sceneUse("B"), sceneUse("C")];
  expect(usesOf(assetOf({ uses: thrice }))).toBe("In A and 2 more scenes");
});
