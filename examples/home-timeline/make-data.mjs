// Makes the example's data: what 40 users did, in the order in which it happened. The same each time.
import { writeFileSync } from 'node:fs';

const USERS = 40;
const EVENTS = 1_500;
const START = Date.UTC(2026, 2, 1);

let seed = 7;
/** Mulberry32: uniform in [0, 1). */
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const pick = (count) => Math.floor(random() * count);
/** A few users have most followers and write most posts. */
const popular = () => `user-${Math.floor(random() ** 2 * USERS)}`;
const anybody = () => `user-${pick(USERS)}`;

const events = [];
const posts = [];
const follows = [];
for (let number = 0; number < EVENTS; number++) {
  const at = START + number * 60_000;
  const chance = random();
  if (chance < 0.4) {
    const post = { id: posts.length + 1, author: popular() };
    posts.push(post);
    events.push({ kind: 'post', ...post, text: `post ${post.id}`, at });
  } else if (chance < 0.5 && posts.length > 0) {
    // Some were deleted before.
    const { id } = posts[pick(posts.length)];
    events.push({ kind: 'delete', id, at });
  } else if (chance < 0.85 || follows.length === 0) {
    // Some follow already.
    const follow = { follower: anybody(), followee: popular() };
    follows.push(follow);
    events.push({ kind: 'follow', ...follow, at });
  } else {
    events.push({ kind: 'unfollow', ...follows[pick(follows.length)], at });
  }
}
writeFileSync(
  new URL('data/events.jsonl', import.meta.url),
  events.map((event) => `${JSON.stringify(event)}\n`).join(''),
);
