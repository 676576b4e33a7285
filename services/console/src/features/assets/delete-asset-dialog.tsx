import { useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { UsedAsset } from "../../api/types.ts";
import { useRuntime } from "../../runtime-context.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Message } from "../../ui/message.tsx";

interface DeleteAssetDialogProps {
  readonly asset: UsedAsset;
  readonly onClose: () => void;
}

export function DeleteAssetDialog({ asset, onClose }: DeleteAssetDialogProps) {
  const { assets } = useRuntime();
  const [failure, setFailure] = useState<Failure | null>(null);

  const remove = async () => {
    const failed = await assets.remove(asset.id);
    setFailure(failed);
    if (!failed) onClose();
  };

  return (
    <Dialog title={`Delete “${asset.name}”?`} onClose={onClose}>
      <div className="dialog__body">
        <p>The file is deleted for good. No layer of any scene uses it.</p>
        {failure && (
          <Message tone="bad" alert>
            {failure.message}
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
