import { useState } from "react";
import { outcomeOf } from "../../api/client.ts";
import type { Failure } from "../../api/problem.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Message } from "../../ui/message.tsx";
import { isOnAir } from "../stream/status.ts";

interface DeleteLayerDialogProps {
  readonly id: string;
  readonly onClose: () => void;
}

export function DeleteLayerDialog({ id, onClose }: DeleteLayerDialogProps) {
  const { api, layers, state } = useRuntime();
  useObservable(layers.scene);
  const [failure, setFailure] = useState<Failure | null>(null);
  const layer = layers.layer(id);
  const now = state.state.get();
  const isSeen = now && isOnAir(now.status) && now.scene?.id === layer?.scene;
  const seen = layer?.visible && isSeen;

  const remove = async () => {
    if (!layer) return;
    const params = {
      path: { id },
      query: { stream: layer.stream, scene: layer.scene },
      header: { "If-Match": `"${layer.revision}"` },
    };
    const outcome = await outcomeOf(api.DELETE("/api/layers/{id}", { params }));
    if (outcome.ok || outcome.failure.status === 404) {
      layers.remove(id);
      onClose();
      return;
    }
    // What is deleted is what was seen: after somebody else's change it is asked again.
    if (outcome.failure.status === 412) await layers.load();
    setFailure(outcome.failure);
  };

  return (
    <Dialog title={`Delete “${layer?.name ?? "layer"}”?`} onClose={onClose}>
      <div className="dialog__body">
        <p>
          {seen
            ? "It is in the picture now and disappears for everybody who watches."
            : "It is not in the picture now."}{" "}
          Undo brings it back.
        </p>
        {failure && (
          <Message tone="bad" alert>
            {failure.status === 412
              ? "Somebody changed this layer meanwhile. Delete it anyway?"
              : failure.message}
          </Message>
        )}
      </div>
      <div className="dialog__actions">
        <button type="button" className="button" data-default onClick={onClose}>
          Keep it
        </button>
        <button type="button" className="button button--danger" onClick={remove}>
          Delete
        </button>
      </div>
    </Dialog>
  );
}
