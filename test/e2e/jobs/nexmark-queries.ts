// Nexmark's queries as one job, so that two slots run all of them side by side: the nodes of each query's own graph, named after it, behind
// one another. Nothing is shared: each has its own sources, state and files. q10 is there twice: as rows, and as files by day and minute.
import type { PlannableJob } from '@millrace/api';
import q0 from '../../../examples/nexmark/q0.ts';
import q1 from '../../../examples/nexmark/q1.ts';
import q2 from '../../../examples/nexmark/q2.ts';
import q3 from '../../../examples/nexmark/q3.ts';
import q4 from '../../../examples/nexmark/q4.ts';
import q5 from '../../../examples/nexmark/q5.ts';
import q6 from '../../../examples/nexmark/q6.ts';
import q7 from '../../../examples/nexmark/q7.ts';
import q8 from '../../../examples/nexmark/q8.ts';
import q9 from '../../../examples/nexmark/q9.ts';
import q10 from '../../../examples/nexmark/q10.ts';
import q11 from '../../../examples/nexmark/q11.ts';
import q12 from '../../../examples/nexmark/q12.ts';
import q13 from '../../../examples/nexmark/q13.ts';
import q14 from '../../../examples/nexmark/q14.ts';
import q15 from '../../../examples/nexmark/q15.ts';
import q16 from '../../../examples/nexmark/q16.ts';
import q17 from '../../../examples/nexmark/q17.ts';
import q18 from '../../../examples/nexmark/q18.ts';
import q19 from '../../../examples/nexmark/q19.ts';
import q20 from '../../../examples/nexmark/q20.ts';
import q21 from '../../../examples/nexmark/q21.ts';
import q22 from '../../../examples/nexmark/q22.ts';

const QUERIES: readonly PlannableJob[] = [
  q0,
  q1,
  q2,
  q3,
  q4,
  q5,
  q6,
  q7,
  q8,
  q9,
  q10,
  q11,
  q12,
  q13,
  q14,
  q15,
  q16,
  q17,
  q18,
  q19,
  q20,
  q21,
  q22,
];

type PlanOptions = Parameters<PlannableJob['plan']>[0];
type StreamGraph = ReturnType<PlannableJob['plan']>;

/** `nexmark-q5` → `q5`. */
function shortNameOf({ name }: PlannableJob): string {
  return name.replace('nexmark-', '');
}

type Params = PlanOptions['params'];

/** A query, where its rows go, and whatever else is its own. */
interface Part {
  readonly name: string;
  readonly query: PlannableJob;
  readonly params: (out: string) => Params;
}

const PARTS: readonly Part[] = [
  ...QUERIES.map((query) => ({
    name: shortNameOf(query),
    query,
    params: (out: string): Params => ({ out }),
  })),
  // Slower event time: five minutes instead of one.
  { name: 'q10-files', query: q10, params: (files: string): Params => ({ files, eventRate: '40' }) },
];

/** Node ids are indexes: those of a graph begin behind those before it. */
function behind(before: StreamGraph['nodes'], query: string, graph: StreamGraph): StreamGraph['nodes'] {
  const nodes = graph.nodes.map((node) => ({
    ...node,
    id: node.id + before.length,
    uid: `${query} ${node.uid}`,
    name: `${query} ${node.name}`,
    inputs: node.inputs.map((edge) => ({ ...edge, from: edge.from + before.length })),
  }));
  return [...before, ...nodes];
}

const job: PlannableJob = {
  ...(QUERIES[0] as PlannableJob),
  name: 'nexmark-queries',
  plan: (submission) => {
    let nodes: StreamGraph['nodes'] = [];
    let options: StreamGraph['options'] | undefined;
    const { out: directory = 'out', ...shared } = submission.params;
    for (const { name, query, params } of PARTS) {
      const graph = query.plan({ ...submission, params: { ...shared, ...params(`${directory}/${name}`) } });
      nodes = behind(nodes, name, graph);
      options ??= graph.options;
    }
    return { version: 1, name: 'nexmark-queries', options: options as StreamGraph['options'], nodes };
  },
};

export default job;
