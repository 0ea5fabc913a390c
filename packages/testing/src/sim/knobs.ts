// Constants of the engine that a run may change. Whoever bundles the engine for the simulator makes them changeable;
// elsewhere there are none, and nothing here reaches them.

/** Sets a constant; undefined: back to what is shipped. */
export type KnobSetter = (value: number | undefined) => void;

declare global {
  // eslint-disable-next-line no-var -- globals are declared so
  var millraceSimKnobs: { [name: string]: KnobSetter } | undefined;
}

/** Gives all knobs their values of one run, the others what is shipped. */
export function turnKnobs(values: { readonly [name: string]: number }): void {
  for (const [name, set] of Object.entries(globalThis.millraceSimKnobs ?? {})) set(values[name]);
}
