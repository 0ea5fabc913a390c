// Pipelined regions: the parts of a job that no edge connects. What fails in one does not concern the others.
import { invariant } from '@millrace/common';
import type { JobGraph, JobVertex } from '@millrace/proto';

/**
 * Regions that are deployed together: they share slots, and so restart together. A job with slots for all has one group a
 * region.
 */
export interface RegionGroup {
  /** Numbers of its regions, ascending. */
  readonly regions: readonly number[];
  /** The part of the job that they are; its `streamGraph` is the whole. */
  readonly jobGraph: JobGraph;
}

/**
 * The regions of a job, in the order of their first vertices; a region's number is its place.
 * Contract: a region's number stays the same whatever the parallelism, because edges do not depend on it.
 */
export function pipelinedRegions(jobGraph: JobGraph): readonly (readonly JobVertex[])[] {
  const regionOf = new Map<string, JobVertex[]>(
    jobGraph.vertices.map((vertex) => [vertex.vertexId, [vertex]]),
  );
  for (const { fromVertex, toVertex } of jobGraph.edges) {
    const from = regionOf.get(fromVertex);
    const to = regionOf.get(toVertex);
    invariant(from !== undefined && to !== undefined, 'edge to a vertex outside of the graph');
    if (from === to) continue;
    from.push(...to);
    for (const { vertexId } of to) regionOf.set(vertexId, from);
  }
  return [...new Set(jobGraph.vertices.map(({ vertexId }) => regionOf.get(vertexId) ?? []))];
}

/**
 * Puts the regions into as many groups as `slotCount` slots allow: each in one of its own, or the smallest together
 * until they fit. Fewer slots than the job's greatest parallelism, or 0, give one group of all.
 */
export function groupRegions(jobGraph: JobGraph, slotCount: number): readonly RegionGroup[] {
  const groups = pipelinedRegions(jobGraph)
    .map((vertices, region) => ({ regions: [region], slots: slotsOf(vertices) }))
    .sort((a, b) => b.slots - a.slots || (a.regions[0] ?? 0) - (b.regions[0] ?? 0));
  let wanted = groups.reduce((sum, { slots }) => sum + slots, 0);
  while (wanted > slotCount && groups.length > 1) {
    const smallest = groups.pop();
    const next = groups.at(-1);
    invariant(smallest !== undefined && next !== undefined, 'there are two groups to put together');
    next.regions.push(...smallest.regions);
    wanted -= smallest.slots;
  }
  return groups.map(({ regions }) =>
    partOf(
      jobGraph,
      regions.toSorted((a, b) => a - b),
    ),
  );
}

function partOf(jobGraph: JobGraph, regions: readonly number[]): RegionGroup {
  const all = pipelinedRegions(jobGraph);
  if (regions.length === all.length) return { regions, jobGraph };
  const ids = new Set(regions.flatMap((region) => (all[region] ?? []).map(({ vertexId }) => vertexId)));
  const vertices = jobGraph.vertices.filter(({ vertexId }) => ids.has(vertexId));
  return {
    regions,
    jobGraph: {
      ...jobGraph,
      vertices,
      edges: jobGraph.edges.filter(({ fromVertex }) => ids.has(fromVertex)),
      slotCount: slotsOf(vertices),
    },
  };
}

function slotsOf(vertices: readonly JobVertex[]): number {
  return vertices.reduce((most, { parallelism }) => Math.max(most, parallelism), 1);
}
