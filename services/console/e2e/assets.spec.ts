import { expect, test } from "./fixtures.ts";

/** Two pieces: the console sends 16 MiB at a time. */
const BYTES = 24 * 1024 * 1024;

/** Silence, of 44,100 samples of 16 bits a second. */
function wav(bytes: number): Buffer {
  const file = Buffer.alloc(44 + bytes);
  file.write("RIFF", 0);
  file.writeUInt32LE(36 + bytes, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(44_100, 24);
  file.writeUInt32LE(88_200, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36);
  file.writeUInt32LE(bytes, 40);
  return file;
}

test("a large file goes on after the network was lost, and is deleted again", async ({
  console: page,
}) => {
  const name = "long-silence.wav";
  let pieces = 0;
  await page.route(/\/api\/assets\/uploads\/[^/]+$/, (route) => {
    if (route.request().method() !== "PATCH") return route.fallback();
    pieces += 1;
    return pieces === 2 ? route.abort("connectionreset") : route.fallback();
  });
  await page
    .getByLabel("Upload a picture, video, sound or font")
    .setInputFiles({ name, mimeType: "audio/wav", buffer: wav(BYTES) });
  const tile = page
    .getByRole("list", { name: "Files" })
    .getByRole("listitem")
    .filter({ hasText: name });
  await expect(tile).toContainText("4:45", { timeout: 30_000 });
  await expect(tile).toContainText("Not used");
  // The piece that was lost was sent again.
  expect(pieces).toBe(3);

  await tile.getByRole("button", { name: `Delete ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(tile).toHaveCount(0);
});
