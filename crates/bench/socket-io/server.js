// A Socket.IO server that sends everybody what is published through Redis: the peer of a benchmark.
// Usage: node server.js PORT REDIS_URL HEARTBEAT_MS
const { createServer } = require("node:http");
const { createAdapter } = require("@socket.io/redis-adapter");
const { createClient } = require("redis");
const { Server } = require("socket.io");

const [port, url, heartbeat] = process.argv.slice(2);

async function main() {
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const http = createServer();
  const io = new Server(http, {
    adapter: createAdapter(publisher, subscriber),
    transports: ["websocket"],
    pingInterval: Number(heartbeat),
    pingTimeout: Number(heartbeat),
    serveClient: false,
  });
  io.on("connection", () => {});
  http.listen(Number(port), "127.0.0.1", 4096);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
