// From a node over changelogs or running results to its operator.
import { unreachable } from '@millrace/common';
import type { ChangelogOperator } from '@millrace/api';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { openDeduplicate, openNormalize } from './deduplicate.ts';
import { openGroupAggregate } from './group-aggregate.ts';
import { openOver } from './over.ts';
import { openDistinct, openLimit } from './small-tables.ts';
import { openSort } from './sort.ts';
import { openTableAggregate } from './table-aggregate.ts';
import { openTopN } from './top-n.ts';
import { openUpsertMaterialize } from './upsert-materialize.ts';
import { openWindowTopN } from './window-top-n.ts';

export function openChangelogOperator(
  setup: OperatorSetup,
  operator: ChangelogOperator,
): Promise<ChainOperator> {
  switch (operator.kind) {
    case 'groupAggregate':
      return openGroupAggregate(setup, operator);
    case 'tableAggregate':
      return openTableAggregate(setup, operator);
    case 'topN':
      return openTopN(setup, operator);
    case 'windowTopN':
      return openWindowTopN(setup, operator);
    case 'limit':
      return openLimit(setup, operator);
    case 'distinct':
      return openDistinct(setup, operator);
    case 'deduplicate':
      return openDeduplicate(setup, operator);
    case 'normalize':
      return openNormalize(setup, operator);
    case 'over':
      return openOver(setup, operator);
    case 'sort':
      return openSort(setup, operator);
    case 'upsertMaterialize':
      return openUpsertMaterialize(setup, operator);
    default:
      return unreachable(operator);
  }
}
