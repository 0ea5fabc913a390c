import type { PinnedCase } from './pinned-file.ts';

/** URL of the excerpt of the main job's input. */
export const dataUrl: string;
/** For whoever runs the bundle. */
export const nodeFlags: readonly string[];
/**
 * Bundles the simulation from the sources. Returns the path of the bundle. `edit` gets each source's path and text and
 * returns its text.
 */
export function bundleSimulation(of?: {
  readonly name?: string;
  readonly edit?: (path: string, text: string) => string;
}): Promise<string>;
/** Returns the case of a file in `directory`, the kept ones unless given. */
export function readPinned(name: string, directory?: string): Promise<PinnedCase>;
