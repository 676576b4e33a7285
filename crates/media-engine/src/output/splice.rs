//! Joins the program's encoding and one that is made for an output alone. Pure.

use std::collections::VecDeque;

use crate::pipeline::EncodedFrame;

/// Whose frames they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lane {
    /// The program's own.
    #[default]
    Program,
    /// An encoding for the output alone.
    Apart,
}

/// One stream of frames out of two that are encoded from the same pictures. It goes from one to the
/// other at a keyframe of the other, and no frame is missed or comes twice or early, whichever
/// encoder is the faster one.
#[derive(Debug, Default)]
pub(super) struct Splice {
    lane: Lane,
    turn: Option<Turn>,
    /// Frames before this one have come, of whichever lane.
    next: u64,
    /// The encoding before failed: nothing can be decoded before the program's next keyframe.
    needs_keyframe: bool,
}

/// What becomes of what was offered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frames {
    /// What goes on, in order.
    pub(super) passed: VecDeque<EncodedFrame>,
    /// Frames that nobody gets because they cannot be decoded.
    pub(super) lost: u64,
}

/// A change to the other lane that is not complete.
#[derive(Debug)]
struct Turn {
    /// The first frame of the other lane.
    at: u64,
    /// What came of the other lane before all of this one's was there: as much as one encoder is
    /// behind the other, which their own queues limit.
    held: VecDeque<EncodedFrame>,
}

impl Lane {
    const fn other(self) -> Self {
        match self {
            Self::Program => Self::Apart,
            Self::Apart => Self::Program,
        }
    }
}

impl Splice {
    /// Whose frames come now; the other's only when all of this one's have come.
    pub(super) const fn lane(&self) -> Lane {
        self.lane
    }

    /// From this frame on, which no encoder has delivered yet, they are to be of this lane.
    pub(super) fn turn(&mut self, to: Lane, at: u64) {
        self.turn = (to != self.lane).then(|| Turn {
            at,
            held: VecDeque::new(),
        });
    }

    /// A frame of this lane was encoded.
    pub(super) fn frame(&mut self, from: Lane, frame: &EncodedFrame) -> Frames {
        let Some(turn) = &mut self.turn else {
            return if from == self.lane {
                self.pass(frame.clone())
            } else {
                Frames::default()
            };
        };
        match (from == self.lane, frame.number >= turn.at) {
            (true, false) => self.pass(frame.clone()),
            (true, true) => self.complete(),
            (false, true) => {
                turn.held.push_back(frame.clone());
                Frames::default()
            }
            (false, false) => Frames::default(),
        }
    }

    /// No more frames of this lane come.
    pub(super) fn over(&mut self, lane: Lane) -> Frames {
        if lane == self.lane {
            if self.turn.is_some() {
                return self.complete();
            }
            if lane == Lane::Apart {
                // It ended before its time.
                self.lane = Lane::Program;
                self.needs_keyframe = true;
            }
        } else if lane == Lane::Apart {
            // What would have begun does not.
            self.turn = None;
        }
        Frames::default()
    }

    fn complete(&mut self) -> Frames {
        let Some(turn) = self.turn.take() else {
            return Frames::default();
        };
        self.lane = self.lane.other();
        self.next = self.next.max(turn.at);
        if let Some(last) = turn.held.back() {
            self.next = last.number + 1;
        }
        Frames {
            passed: turn.held,
            lost: 0,
        }
    }

    fn pass(&mut self, frame: EncodedFrame) -> Frames {
        if frame.number < self.next {
            // The other lane's was there before.
            return Frames::default();
        }
        self.needs_keyframe &= !frame.keyframe;
        if self.needs_keyframe {
            return Frames {
                passed: VecDeque::new(),
                lost: 1,
            };
        }
        self.next = frame.number + 1;
        Frames {
            passed: VecDeque::from([frame]),
            lost: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A keyframe every ten.
    fn frame(number: u64) -> EncodedFrame {
        EncodedFrame {
            number,
            keyframe: number.is_multiple_of(10),
            due_at: None,
            apart: None,
            data: vec![0].into(),
        }
    }

    /// What happens, in order: `p3` and `a3` are frames, `>3` and `<3` the turns away from the
    /// program and back, `p.` and `a.` the ends. The numbers of the frames that come, how many are
    /// lost, and whose come then.
    fn run(steps: &str) -> (Vec<u64>, u64, Lane) {
        let mut splice = Splice::default();
        let (mut passed, mut lost) = (Vec::new(), 0);
        for step in steps.split(' ') {
            let (what, number) = step.split_at(1);
            let lane = match what {
                "p" | "<" => Lane::Program,
                _ => Lane::Apart,
            };
            let frames = match (what, number) {
                ("p" | "a", ".") => splice.over(lane),
                ("p" | "a", number) => splice.frame(lane, &frame(number.parse().unwrap())),
                (_, number) => {
                    splice.turn(lane, number.parse().unwrap());
                    Frames::default()
                }
            };
            passed.extend(frames.passed.iter().map(|frame| frame.number));
            lost += frames.lost;
        }
        (passed, lost, splice.lane())
    }

    #[test]
    fn frames_come_once_and_in_order_whichever_encoder_is_faster() {
        use Lane::{Apart, Program};
        let cases: [(&str, &[u64], Lane); 9] = [
            ("p0 p1", &[0, 1], Program),
            // The other is the faster one.
            (">3 p1 a3 a4 p2 p3 p4 a5", &[1, 2, 3, 4, 5], Apart),
            // The other is the slower one.
            (">2 p1 p2 p3 a2 a3", &[1, 2, 3], Apart),
            // The composer left a frame out.
            (">2 p1 a2 p3", &[1, 2], Apart),
            // Back, while the program is the faster one.
            (
                ">8 p8 a8 <10 p9 p10 p11 a9 a. p12",
                &[8, 9, 10, 11, 12],
                Program,
            ),
            // Back, while the program is the slower one.
            (">8 p8 a8 a9 <10 a. p9 p10", &[8, 9, 10], Program),
            // It does not begin after all.
            (">2 a. p1 p2", &[1, 2], Program),
            // It is to end before all of the program's have come: the program just goes on.
            (">2 a2 <10 p1 a3 p2 p10 a.", &[1, 2, 10], Program),
            // The program ends while the other has some to come.
            (">1 p1 a1 p. a2 a.", &[1, 2], Program),
        ];
        for (steps, passed, lane) in cases {
            assert_eq!(run(steps), (passed.to_vec(), 0, lane), "{steps}");
        }
    }

    #[test]
    fn after_a_failure_the_program_goes_on_with_its_next_keyframe() {
        let (passed, lost, lane) = run(">7 p7 a7 a. p8 p9 p10");
        assert_eq!((passed, lost, lane), (vec![7, 10], 2, Lane::Program));
        // Also when the program is the slower encoder by more than that.
        let (passed, lost, lane) = run(">7 p7 a7 a8 a9 a10 a. p8 p9 p10 p11 p20");
        assert_eq!(
            (passed, lost, lane),
            (vec![7, 8, 9, 10, 20], 1, Lane::Program)
        );
    }
}
