/** A bug that the simulator must find. */
export interface PlantedBug extends Edit {
  readonly id: string;
  readonly row: number;
  /** Takes more than a hundred seeds to be found. */
  readonly isRare?: boolean;
  /** What would make up for it elsewhere. */
  readonly also?: Edit;
}
interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}
export const plantedBugs: readonly PlantedBug[];
/** Not found so far, each with what is known of the reason. */
export const openBugs: readonly (PlantedBug & { readonly why: string })[];
/** Returns an edit of sources that plants `bug`, and says at its end whether it did. */
export function planting(bug: PlantedBug): {
  readonly edit: (path: string, text: string) => string;
  readonly check: () => void;
};
