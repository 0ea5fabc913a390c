// [HOT] A channel whose two ends are in one slot: elements are handed over as they are, nothing is encoded.
import type { InputChannel } from './input-channel.ts';
import { CHANNEL_CREDITS, OutputChannel } from './output-channel.ts';

/** Returns the producing end of a channel that ends in `input`, open and with full credit. */
export function connectLocally(input: InputChannel): OutputChannel {
  const output = new OutputChannel((element) => {
    input.arrive(element);
    return 0;
  });
  input.onTaken = () => output.grant(1);
  input.requestSplit = () => output.onSplitRequest();
  output.grant(CHANNEL_CREDITS);
  return output;
}
