/** The feed: told of each breach as it is stored, from where we last stood. */

import * as api from "./api";
import type { FeedEvent } from "./api";
import type { Breaches } from "./breaches";
import { onRestored } from "./status";

const TYPES = ["breach.opened", "breach.amended", "breach.closed", "breach.withdrawn"];
const RETRY_MS = 5_000;
const LONG_RETRY_MS = 60_000;

export class Live {
  private after: string | undefined;
  private stream: EventSource | null = null;
  private wait_ms = RETRY_MS;

  constructor(private readonly breaches: Breaches) {
    onRestored(() => this.connect());
    // A browser gives a site few connections: a page that nobody looks at must not hold one.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.stream?.close();
      else if (this.stream) this.connect();
    });
    this.connect();
  }

  private connect(): void {
    this.stream?.close();
    if (document.hidden && this.stream) return;
    const stream = api.eventStream(this.after);
    this.stream = stream;
    stream.addEventListener("open", () => (this.wait_ms = RETRY_MS));
    for (const type of TYPES) stream.addEventListener(type, (message) => this.take(type, message));
    // The browser reconnects by itself after a cut, but not after a refusal: then ask again, from where we were.
    stream.addEventListener("error", () => {
      if (stream.readyState !== EventSource.CLOSED || this.stream !== stream) return;
      setTimeout(() => this.stream === stream && this.connect(), this.wait_ms);
      this.wait_ms = Math.min(LONG_RETRY_MS, this.wait_ms * 2);
    });
  }

  private take(type: string, message: MessageEvent<string>): void {
    const parsed = parse(message.data);
    if (message.lastEventId) this.after = message.lastEventId;
    this.breaches.changed();
    if (type !== "breach.opened" || !parsed) return;
    const data = "data" in parsed ? parsed.data : parsed;
    const id = (data as { id?: string; breach?: string }).id ?? (data as { breach?: string }).breach ?? "";
    this.breaches.announce(`${id}`, data);
  }
}

function parse(text: string): FeedEvent | api.BreachProps | null {
  try {
    return JSON.parse(text) as FeedEvent | api.BreachProps;
  } catch {
    return null;
  }
}
