// Cases of joins that Millrace answers otherwise on purpose, with the reason.
export const JOIN_DIFFERENCES: { readonly [name: string]: string } = {
  'IntervalJoinITCase.testExecutionFailsInProcessingTime':
    'an interval join in processing time is possible: it does what the SQL one does (ProcTimeIntervalJoinTest)',
  'StreamingMiniBatchJoinOperatorTest.testLeftJoinHasUniqueKeyWithUpdateMultipleCases':
    'there are no mini-batches of joins: the last bundle folds to nothing in Flink, while record by record +U without the row as it was ' +
    "counts as one more partner, as in Flink's own operator without mini-batches, and the -U of an older row takes the newer one away",
};
