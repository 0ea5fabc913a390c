/** URL of the excerpt of the main job's input. */
export const dataUrl: string;
/** Bundles the simulation from the sources. Returns the path of the bundle. */
export function bundleSimulation(): Promise<string>;
