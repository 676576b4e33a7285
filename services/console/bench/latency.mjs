// How long a change takes from the request to the picture in a real browser, glass to glass: a layer
// over the whole canvas turns black or white, and the player's frames are looked at until they do.
// Prints a line of JSON for each way of watching: {"name": "hls", "ms": [...]}.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import process from "node:process";
import { chromium } from "@playwright/test";

const FLIPS = Number(process.env.FLIPS ?? 20);
const { STACK_URL: url, STACK_TOKEN: token } = process.env;
const players = (process.env.PLAYERS ?? "hls,ll-hls,whep").split(",");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Chromium's sandbox refuses to run as root.
  args: [
    "--autoplay-policy=no-user-gesture-required",
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  ],
});
const context = await browser.newContext({ bypassCSP: true });
const hls = createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js");
const hlsSource = await readFile(hls, "utf8");

for (const name of players) {
  const page = await context.newPage();
  page.on("console", (message) => console.error(`${name}: ${message.text()}`));
  await page.goto(url);
  await page.addScriptTag({ content: hlsSource });
  const ms = await page.evaluate(measure, { name, token, flips: FLIPS });
  console.log(JSON.stringify({ name, ms }));
  await page.close();
}
await browser.close();

/** Runs in the page. */
async function measure({ name, token, flips }) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const video = document.createElement("video");
  video.muted = true;
  document.body.replaceChildren(video);

  const play = {
    hls: () => playHls({ lowLatencyMode: false }),
    "ll-hls": () => playHls({ lowLatencyMode: true }),
    whep: playWhep,
  };
  await play[name]();
  await video.play();

  const layer = await createLayer();
  // What flashed before this player came is still on its way: a player must not take it for its own.
  await new Promise((resolve) => setTimeout(resolve, 8000));
  await seen(false);
  const samples = [];
  for (let flip = 0; flip <= flips; flip += 1) {
    const white = flip % 2 === 0;
    const start = performance.now();
    await paint(white);
    await seen(white);
    // The first one waits for the player to have caught up with the stream.
    if (flip > 0) samples.push(performance.now() - start);
    // Not in step with segments.
    await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 1000));
  }
  await fetch(`api/layers/${layer.id}`, {
    method: "DELETE",
    headers: { ...headers, "if-match": layer.etag },
  });
  return samples;

  async function playHls(config) {
    const player = new window.Hls(config);
    player.loadSource("live/main/index.m3u8");
    player.attachMedia(video);
    await new Promise((resolve, reject) => {
      player.on(window.Hls.Events.MANIFEST_PARSED, resolve);
      player.on(window.Hls.Events.ERROR, (_event, data) => data.fatal && reject(data.details));
    });
  }

  async function playWhep() {
    const peer = new RTCPeerConnection();
    const stream = new MediaStream();
    peer.ontrack = ({ track }) => stream.addTrack(track);
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.addTransceiver("audio", { direction: "recvonly" });
    await peer.setLocalDescription(await peer.createOffer());
    const answer = await fetch("live/main/whep", {
      method: "POST",
      headers: { ...headers, "content-type": "application/sdp" },
      body: peer.localDescription.sdp,
    });
    if (answer.status !== 201) throw new Error(`WHEP: ${answer.status} ${await answer.text()}`);
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    video.srcObject = stream;
  }

  async function createLayer() {
    const answer = await fetch("api/layers", {
      method: "POST",
      headers,
      body: JSON.stringify({ name: "Flash", kind: "color", source: { color: "#000000" } }),
    });
    if (answer.status !== 201) throw new Error(`layer: ${answer.status} ${await answer.text()}`);
    const { id } = await answer.json();
    return { id, etag: answer.headers.get("etag") };
  }

  async function paint(white) {
    const answer = await fetch(`api/layers/${layer.id}`, {
      method: "PATCH",
      headers: { ...headers, "if-match": layer.etag },
      body: JSON.stringify({ source: { color: white ? "#ffffff" : "#000000" } }),
    });
    if (answer.status !== 200) throw new Error(`paint: ${answer.status} ${await answer.text()}`);
    layer.etag = answer.headers.get("etag");
  }

  function seen(white) {
    const canvas = new OffscreenCanvas(8, 8);
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    return new Promise((resolve) => {
      const look = () => {
        brush.drawImage(video, 0, 0, 8, 8);
        const bright = brush.getImageData(4, 4, 1, 1).data[0] > 127;
        if (bright === white) resolve();
        else video.requestVideoFrameCallback(look);
      };
      video.requestVideoFrameCallback(look);
    });
  }
}
