import { describe, expect, test } from 'vitest';
import { type Facts, view, words } from '../../src/core/view';

const facts = (f: Partial<Facts>): Facts => ({ supported: true, server: 'live', reachable: true, playhead: 'moving', ...f });

describe('view', () => {
  test.each<[Partial<Facts>, string]>([
    [{}, 'live'],
    [{ supported: false }, 'unsupported'],
    [{ server: 'reconnecting' }, 'live'], // what is buffered plays out first
    [{ server: 'reconnecting', playhead: 'dry' }, 'reconnecting'],
    [{ server: 'idle', playhead: 'blank' }, 'starting'],
    [{ server: 'missing', playhead: 'blank' }, 'starting'],
    [{ server: 'starting', playhead: 'blank' }, 'starting'],
    [{ server: 'live', playhead: 'blank' }, 'loading'],
    [{ server: 'live', playhead: 'dry' }, 'buffering'],
    [{ server: 'live', playhead: 'paused' }, 'paused'],
    [{ server: 'ended', playhead: 'paused' }, 'ended'],
    [{ server: 'live', playhead: 'dry', reachable: false }, 'offline'],
  ])('%o is %s', (f, want) => {
    expect(view(facts(f))).toBe(want);
  });

  test('the picture speaks for itself, and the rest has words', () => {
    expect(words('live', 'live')).toBeUndefined();
    expect(words('ended', 'ended')?.title).toBe('The broadcast has ended');
    expect(words('starting', 'missing')?.title).toBe('Nothing on air here');
  });
});
