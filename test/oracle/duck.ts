// DuckDB over the data sets of the tests: an oracle that is not our code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

const data = fileURLToPath(new URL('../node_modules/vega-datasets/data', import.meta.url));

export interface Flight {
  /** Place in the file, from 0: rows are sorted by departure. */
  readonly id: number;
  readonly at: number;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

export interface Quake {
  readonly time: number;
  readonly updated: number;
  readonly mag: number;
  readonly net: string;
  readonly magType: string;
}

/** 20,000 flights of 2001, by departure. */
export function flights(): readonly Flight[] {
  const rows = JSON.parse(readFileSync(join(data, 'flights-20k.json'), 'utf8')) as readonly (Omit<
    Flight,
    'id' | 'at'
  > & { readonly date: string })[];
  return rows.map(({ date, delay, distance, origin, destination }, id) => ({
    id,
    at: Date.parse(`${date.replaceAll('/', '-').replace(' ', 'T')}Z`),
    delay,
    distance,
    origin,
    destination,
  }));
}

/** A week's earthquakes in the order in which they were last updated: three quarters are out of order, by up to 160 h. */
export function quakes(): readonly Quake[] {
  const { features } = JSON.parse(readFileSync(join(data, 'earthquakes.json'), 'utf8')) as {
    readonly features: readonly { readonly properties: Quake }[];
  };
  return features
    .map(({ properties: { time, updated, mag, net, magType } }) => ({
      time,
      updated,
      mag: mag ?? 0,
      net,
      magType: magType ?? '',
    }))
    .sort((a, b) => a.updated - b.updated);
}

/** Answers SQL over the tables `flights` and `quakes`, which have the fields of the types here, and over what `setUp` makes. */
export async function askDuck(sql: string, setUp?: string): Promise<readonly Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(`
      create table flights as
        select row_number() over () - 1 as id, epoch_ms(strptime(date, '%Y/%m/%d %H:%M')) as at,
          delay, distance, origin, destination
        from read_json('${join(data, 'flights-20k.json')}')`);
    await connection.run(`
      create table quakes as
        select q.properties.time as time, q.properties.updated as updated, coalesce(q.properties.mag, 0) as mag,
          q.properties.net as net, coalesce(q.properties.magType, '') as magType
        from (select unnest(features) as q from read_json('${join(data, 'earthquakes.json')}'))`);
    if (setUp !== undefined) await connection.run(setUp);
    const answer = await connection.runAndReadAll(sql);
    return answer
      .getRowObjectsJS()
      .map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            typeof value === 'bigint' ? Number(value) : value,
          ]),
        ),
      );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
