// q10 as it is defined, without an engine: CSV rows, and the directory of each.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NexmarkEvent } from '@millrace/connector-nexmark';

const BID = 2;
const HEADER = 'auction,bidder,price,dateTime,extra';

/** `directory/row` of each bid, sorted. None of the texts needs quotes: they have letters and spaces only. */
export function q10ByLoops(events: readonly NexmarkEvent[]): readonly string[] {
  return events
    .flatMap((event) => (event.event_type === BID ? [event.bid] : []))
    .map(({ auction, bidder, price, dateTime, extra }) => {
      const iso = new Date(dateTime).toISOString();
      const directory = `day=${iso.slice(0, 10)}/minute=${iso.slice(11, 13)}%3A${iso.slice(14, 16)}`;
      return `${directory}/${auction},${bidder},${price},${dateTime},${extra}`;
    })
    .sort();
}

/** The same of the files below `path`. @throws for a file without the header, or which is hidden: nobody committed that */
export function q10InFiles(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(path.length + 1))
    .flatMap((file) => {
      if (/(^|\/)\./.test(file)) throw new Error(`"${file}" is hidden`);
      const [header, ...rows] = readFileSync(join(path, file), 'utf8').split('\n');
      if (header !== HEADER || rows.pop() !== '') throw new Error(`"${file}" is no whole file of q10`);
      return rows.map((row) => `${dirname(file)}/${row}`);
    })
    .sort();
}

/** The directories of such lines, each once. */
export function directoriesOf(lines: readonly string[]): readonly string[] {
  return [...new Set(lines.map((line) => dirname(line)))];
}
