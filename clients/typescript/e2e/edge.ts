import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

const DIST = new URL("../dist/", import.meta.url);
const PAGE = `<!doctype html><meta charset="utf-8"><title>client</title>
<script type="importmap">{"imports": {"@stream-manager/client": "/client/index.js"}}</script>`;

/**
 * A network between a client and the system, which a test can make silent: connections stay, and
 * nothing goes through, as behind a pulled cable. Serves an empty page with the built client, too.
 */
export class Edge {
  readonly port: number;
  private readonly target: URL;
  private readonly server: Server;
  private readonly pairs = new Set<readonly [Duplex, Socket]>();
  /** Those behind the pulled cable: not even their end goes through. */
  private readonly dead = new Set<readonly [Duplex, Socket]>();
  private silent = false;

  static async start(target: string): Promise<Edge> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Edge(server, new URL(target));
  }

  private constructor(server: Server, target: URL) {
    this.server = server;
    this.target = target;
    this.port = (server.address() as AddressInfo).port;
    server.on("request", (request, response) => {
      this.answer(request, response).catch((error) => response.destroy(error));
    });
    server.on("upgrade", (request, socket, head) => this.carry(request, socket, head));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  get webSocket(): URL {
    return new URL(`ws://127.0.0.1:${this.port}/ws`);
  }

  /** Nothing goes through any more, and nobody is told. */
  silence(): void {
    this.silent = true;
    for (const pair of this.pairs) {
      const [near, far] = pair;
      near.unpipe(far);
      far.unpipe(near);
      this.dead.add(pair);
    }
  }

  /** New connections go through; those that were silent are as dead as after a pulled cable. */
  speak(): void {
    this.silent = false;
  }

  /** Breaks every connection without a goodbye. */
  cut(): void {
    for (const [near, far] of this.pairs) {
      near.destroy();
      far.destroy();
    }
  }

  async stop(): Promise<void> {
    this.cut();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private carry(request: IncomingMessage, near: Duplex, head: Buffer): void {
    const far = connect(Number(this.target.port), this.target.hostname);
    const pair = [near, far] as const;
    this.pairs.add(pair);
    const end = () => {
      near.destroy();
      far.destroy();
      this.pairs.delete(pair);
      this.dead.delete(pair);
    };
    const farEnds = () => {
      if (!this.dead.has(pair)) end();
    };
    near.on("close", end).on("error", end);
    far.on("close", farEnds).on("error", farEnds);
    if (this.silent) {
      this.dead.add(pair);
      return;
    }
    const headers = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      headers.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
    }
    far.write(`GET ${request.url} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
    far.write(head);
    near.pipe(far).pipe(near);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (path === "/") {
      response.setHeader("Content-Type", "text/html").end(PAGE);
    } else if (path.startsWith("/client/")) {
      const script = await readFile(new URL(`.${path.slice("/client".length)}`, DIST));
      response.setHeader("Content-Type", "text/javascript").end(script);
    } else if (!this.silent) {
      await this.forward(path, request, response);
    }
  }

  private async forward(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const body = [];
    for await (const chunk of request) body.push(chunk);
    const { authorization, "content-type": type } = request.headers;
    const answer = await fetch(new URL(path, this.target), {
      method: request.method ?? "GET",
      headers: {
        ...(authorization && { authorization }),
        ...(type && { "content-type": type }),
      },
      ...(body.length > 0 && { body: Buffer.concat(body) }),
    });
    response.writeHead(answer.status, { "Content-Type": "application/json" });
    response.end(await answer.text());
  }
}
