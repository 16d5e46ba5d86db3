//! Point-to-point messages between ranks that are threads.

use super::threads::run;
use super::*;

#[test]
fn a_ring_of_greetings() {
    for size in [1, 2, 3, 6] {
        let greeted = run(size, |world| {
            let (rank, size) = (world.rank(), world.size());
            let mut from = [usize::MAX];
            let (next, last) = ((rank + 1) % size, (rank + size - 1) % size);
            let status = world.send_recv(&[rank], next, &mut from, last, 3).unwrap();
            assert_eq!((status.source, status.tag, status.count::<usize>()), (last, 3, Some(1)));
            from[0]
        });
        let size = size as usize;
        assert_eq!(greeted, (0..size).map(|rank| (rank + size - 1) % size).collect::<Vec<_>>());
    }
}

#[test]
fn tags_and_sources_choose_and_order_is_kept_otherwise() {
    run(3, |world| match world.rank() {
        0 => {
            let mut got = [0_i32; 2];
            assert_eq!(world.recv(&mut got, 2, 9).unwrap().count::<i32>(), Some(1));
            assert_eq!(got[0], 29);
            for expected in 0..100 {
                world.recv(&mut got, 1, 5).unwrap();
                assert_eq!(got[0], expected);
            }
            assert_eq!(world.probe(1, ANY).unwrap().tag, 6);
            assert_eq!(world.recv(&mut got, ANY, ANY).unwrap().source, 1);
            assert_eq!(world.iprobe(ANY, ANY).unwrap(), None);
        }
        1 => {
            for number in 0..100 {
                world.send(&[number], 0, 5).unwrap();
            }
            world.send::<i32>(&[], 0, 6).unwrap();
        }
        _ => world.send(&[29], 0, 9).unwrap(),
    });
}

#[test]
fn large_messages_cross_each_other_and_more_may_wait_than_are_kept() {
    let large: Vec<u64> = (0..300_000).collect();
    run(2, |world| {
        let other = 1 - world.rank();
        let mut room = vec![0; large.len()];
        world.send_recv(&large, other, &mut room, other, 0).unwrap();
        assert_eq!(room, large);
        if world.rank() == 0 {
            // More than may go whole before any of them is received, and the last one is received first.
            world
                .scope(|scope| {
                    for _ in 0..5000 {
                        scope.isend(&large[..100], 1, 1)?;
                    }
                    scope.isend(&large[..3], 1, 2).map(drop)
                })
                .unwrap();
        } else {
            world.recv(&mut room, 0, 2).unwrap();
            for _ in 0..5000 {
                assert_eq!(world.recv(&mut room, 0, 1).unwrap().count::<u64>(), Some(100));
            }
        }
    });
}

#[test]
fn values_and_messages_of_unknown_length() {
    run(2, |world| {
        if world.rank() == 0 {
            world.send_value(&("words", vec![Some(1.5), None]), 1, 0).unwrap();
            world.send(&[1_u16, 2, 3], 1, 0).unwrap();
        } else {
            let (value, _) = world.recv_value::<(String, Vec<Option<f64>>)>(ANY, 0).unwrap();
            assert_eq!(value, ("words".to_owned(), vec![Some(1.5), None]));
            assert_eq!(world.recv_vec::<u16>(0, 0).unwrap().0, [1, 2, 3]);
        }
    });
}

#[test]
fn what_does_not_fit_is_told_with_rank_call_and_line() {
    run(2, |world| {
        if world.rank() == 0 {
            world.send(&[1_u8; 24], 1, 4).unwrap();
            world.send(&[1_u8; 6], 1, 5).unwrap();
            world.send_recv(&[0_u8; 100_000], 1, &mut [0_u8; 1], 1, 6).unwrap();
            assert_eq!(
                *world.send(&[0_u8], 2, 0).unwrap_err().failure(),
                Failure::NoSuchRank { rank: 2, size: 2 }
            );
            assert_eq!(*world.send(&[0_u8], 1, -1).unwrap_err().failure(), Failure::NegativeTag(-1));
        } else {
            let error = world.recv(&mut [0_u64; 2], 0, 4).unwrap_err();
            let text = format!(
                "rank 1: `recv` at {}:{}: the message of rank 0 with tag 4 has 24 bytes, the receive has room for 16",
                file!(),
                line!() - 4
            );
            assert_eq!(error.to_string(), text);
            let wrong = world.recv(&mut [0_u32; 2], 0, 5).unwrap_err();
            assert!(matches!(wrong.failure(), Failure::WrongType { sent: 6, element: 4, .. }), "{wrong}");
            let long = world.send_recv(&[7_u8], 0, &mut [0_u8; 8], 0, 6).unwrap_err();
            assert!(matches!(long.failure(), Failure::Truncated { sent: 100_000, room: 8, .. }), "{long}");
        }
    });
}

#[test]
fn who_waits_for_a_rank_that_has_left_is_told() {
    run(3, |world| {
        if world.rank() == 2 {
            let mut got = [0_u8];
            world.recv(&mut got, 0, 0).unwrap();
            assert_eq!(
                *world.recv(&mut got, 0, 0).unwrap_err().failure(),
                Failure::Left(crate::ids::Rank(0))
            );
            assert_eq!(*world.recv(&mut got, ANY, 0).unwrap_err().failure(), Failure::AllLeft);
        } else if world.rank() == 0 {
            world.send(&[1_u8], 2, 0).unwrap();
        }
    });
}

#[test]
fn requests_end_in_any_order_and_with_their_scope() {
    run(2, |world| {
        let other = 1 - world.rank();
        let data = [world.rank() as u32; 4];
        let mut rooms = [[9_u32; 4]; 3];
        let [first, second, third] = &mut rooms;
        world
            .scope(|scope| {
                let mut receives = vec![scope.irecv(first, other, 1)?, scope.irecv(second, other, 2)?];
                let unused = scope.irecv(third, other, 3)?;
                assert!(!unused.test()?);
                scope.isend(&data[..2], other, 2)?.wait()?;
                let (at, (numbers, status)) = wait_any(&mut receives)?.unwrap();
                assert_eq!((at, &*numbers, status.tag), (1, &[other as u32; 2][..], 2));
                // Not before the other one has seen that, too.
                world.send_recv(&[0_u8], other, &mut [0_u8], other, 0)?;
                scope.isend(&data, other, 1)?;
                scope.isend(&data, other, 3)?;
                assert_eq!(wait_all(receives)?.len(), 1);
                assert!(wait_any(&mut Vec::<SendRequest<'_>>::new())?.is_none());
                Ok::<_, Error>(())
            })
            .unwrap();
        assert_eq!(rooms, [[other as u32; 4], [other as u32, other as u32, 9, 9], [other as u32; 4]]);
    });
}

#[test]
fn a_scope_that_fails_takes_its_receives_back() {
    run(2, |world| {
        let mut room = [0_u8; 4];
        let failed = world.scope(|scope| {
            scope.irecv(&mut room, ANY, 0)?;
            scope.isend::<u8>(&[], 9, 0).map(drop)
        });
        let _: Error = failed.unwrap_err();
        let other = 1 - world.rank();
        world.send_recv(&[5_u8], other, &mut room, other, 0).unwrap();
        assert_eq!(room[0], 5);
    });
}

#[test]
#[cfg_attr(miri, ignore = "files that are mapped by several")]
fn windows_are_written_and_read_in_turns() {
    for size in [1, 2, 3, 20] {
        run(size, |world| {
            let me = world.rank();
            let mut window = world.alloc_shared::<u32>(me).unwrap();
            for round in 0..20_u32 {
                let own = window.own();
                assert_eq!(own.len(), me);
                own.fill(me as u32 + round);
                let published = window.publish().unwrap();
                for (rank, part) in published.parts().enumerate() {
                    assert_eq!(part, vec![rank as u32 + round; rank]);
                }
                assert_eq!(published.own(), published.part(me));
                window = published.reclaim().unwrap();
            }
        });
    }
}

#[test]
#[cfg_attr(miri, ignore = "files that are mapped by several")]
fn atomic_windows_are_everybodys() {
    use std::sync::atomic::{AtomicU64, Ordering};
    run(4, |world| {
        // Only rank 2 has any; a part of the ranks has a window of its own beside it.
        let counters = world.alloc_shared_atomic::<AtomicU64>(if world.rank() == 2 { 3 } else { 0 }).unwrap();
        let half = world.split(Some(world.rank() as u32 % 2), 0).unwrap().unwrap();
        let other = half.alloc_shared_atomic::<AtomicU64>(1).unwrap();
        for _ in 0..1000 {
            counters.part(2)[1].fetch_add(1, Ordering::Relaxed);
            other.part(0)[0].fetch_add(1, Ordering::Relaxed);
        }
        counters.fence().unwrap();
        assert_eq!(counters.part(2)[1].load(Ordering::Relaxed), 4000);
        assert_eq!((counters.part(0).len(), counters.part(2).len()), (0, 3));
        other.fence().unwrap();
        assert_eq!(other.part(0)[0].load(Ordering::Relaxed), 2000);
        let refused = world.alloc_shared::<u64>(if world.rank() == 0 { usize::MAX } else { 1 }).unwrap_err();
        assert!(matches!(refused.failure(), Failure::Memory(_)), "{refused}");
    });
}
