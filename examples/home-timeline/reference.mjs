// The same timelines by plain loops: the tables as they are after the last event, joined once.
import { readFileSync } from 'node:fs';

/** Returns `{ user, post, author, at }` for each user and post of somebody that the user follows, in no order. */
export function computeTimelines(directory) {
  const posts = new Map();
  const follows = new Map();
  for (const line of readFileSync(`${directory}/events.jsonl`, 'utf8').split('\n')) {
    if (line === '') continue;
    const event = JSON.parse(line);
    const follow = `${event.follower} ${event.followee}`;
    if (event.kind === 'post') posts.set(event.id, event);
    else if (event.kind === 'delete') posts.delete(event.id);
    else if (event.kind === 'follow') follows.set(follow, event);
    else follows.delete(follow);
  }
  const timelines = [];
  for (const { id, author, at } of posts.values()) {
    for (const { follower, followee } of follows.values())
      if (followee === author) timelines.push({ user: follower, post: id, author, at });
  }
  return timelines;
}

/** Applies changes: returns the rows that are there at the end, each as often as it is. */
export function applyChanges(changes) {
  const counts = new Map();
  for (const { kind, row } of changes) {
    const text = JSON.stringify(row);
    const count = (counts.get(text) ?? 0) + (kind === 'insert' || kind === 'updateAfter' ? 1 : -1);
    if (count === 0) counts.delete(text);
    else counts.set(text, count);
  }
  return [...counts].flatMap(([text, count]) => {
    if (count < 0) throw new Error(`${text} was taken back more often than it was given`);
    return Array.from({ length: count }, () => JSON.parse(text));
  });
}
