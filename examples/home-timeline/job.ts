// The home timeline of each user: the posts of those that the user follows, kept up to date while posts are written and deleted
// and users follow and unfollow each other.
import { defineJob, type Change } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

/** What happened. */
type Event =
  | {
      readonly kind: 'post';
      readonly id: number;
      readonly author: string;
      readonly text: string;
      readonly at: number;
    }
  | { readonly kind: 'delete'; readonly id: number; readonly at: number }
  | {
      readonly kind: 'follow' | 'unfollow';
      readonly follower: string;
      readonly followee: string;
      readonly at: number;
    };

interface Post {
  readonly id: number;
  readonly author: string;
  readonly text: string;
  readonly at: number;
}

interface Follow {
  readonly follower: string;
  readonly followee: string;
}

const DATA = 'examples/home-timeline/data';

export default defineJob('home-timeline', (env) => {
  const { params } = env;
  const events = env
    .source(jsonLines<Event>({ path: `${params.string('data', DATA)}/events.jsonl`, ordered: true }))
    .uid('events');

  // A deletion knows only the post's id: normalize() finds the post. A post that is not there is not deleted.
  const posts = events
    .flatMap((event): Change<Post>[] => {
      if (event.kind === 'post') {
        const { id, author, text, at } = event;
        return [{ kind: 'insert', row: { id, author, text, at } }];
      }
      if (event.kind === 'delete')
        return [{ kind: 'delete', row: { id: event.id, author: '', text: '', at: 0 } }];
      return [];
    })
    .toChangelog({ mode: 'upsert' })
    .normalize(({ id }) => id)
    .uid('posts');

  // Who follows twice follows once.
  const follows = events
    .flatMap((event): Change<Follow>[] => {
      if (event.kind !== 'follow' && event.kind !== 'unfollow') return [];
      const { follower, followee } = event;
      return [{ kind: event.kind === 'follow' ? 'insert' : 'delete', row: { follower, followee } }];
    })
    .toChangelog({ mode: 'upsert' })
    .normalize(({ follower, followee }) => [follower, followee])
    .uid('follows');

  posts
    .join(follows, {
      leftKey: (post) => post.author,
      rightKey: (follow) => follow.followee,
      leftUniqueKey: (post) => post.id,
      rightUniqueKey: (follow) => follow.follower,
      select: (post, follow) => ({ user: follow.follower, post: post.id, author: post.author, at: post.at }),
    })
    .uid('timelines')
    .toStream()
    .sink(jsonLines({ path: `${params.string('out', 'out')}/timelines`, ifExists: 'replace' }))
    .uid('timeline-files');
});
