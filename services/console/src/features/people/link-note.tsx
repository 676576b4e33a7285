import { Copy } from "lucide-react";
import { useState } from "react";
import { appUrl } from "../../base-url.ts";
import { Message } from "../../ui/message.tsx";
import type { GivenLink } from "./store.ts";

/** A link, to be handed over by whoever made it. It is not shown again. */
export function LinkNote({ given }: { readonly given: GivenLink }) {
  const [copied, setCopied] = useState(false);
  const address = appUrl(given.link.path.replace(/^\//, "")).href;
  const until = new Date(given.link.expires_at).toLocaleString("en-GB");
  const copy = async () => {
    await navigator.clipboard.writeText(address);
    setCopied(true);
  };
  return (
    <Message tone="ok">
      <span className="link-note">
        <span>
          Give this link to {given.username}, who chooses a password by it until {until}. It is not
          shown again.
        </span>
        <code className="link-note__address" data-testid="password-link">
          {address}
        </code>
        {navigator.clipboard && (
          <button type="button" className="button" onClick={() => void copy()}>
            <Copy size={16} aria-hidden />
            {copied ? "Copied" : "Copy"}
          </button>
        )}
      </span>
    </Message>
  );
}
