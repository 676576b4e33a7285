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
        Frames {
            passed: turn.held,
            lost: 0,
        }
    }

    fn pass(&mut self, frame: EncodedFrame) -> Frames {
        self.needs_keyframe &= !frame.keyframe;
        if self.needs_keyframe {
            return Frames {
                passed: VecDeque::new(),
                lost: 1,
            };
        }
        Frames {
            passed: VecDeque::from([frame]),
            lost: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use Lane::{Apart, Program};

    /// A keyframe every ten.
    fn frame(number: u64) -> EncodedFrame {
        EncodedFrame {
            number,
            keyframe: number.is_multiple_of(10),
            composed_at: None,
            apart: None,
            data: vec![0].into(),
        }
    }

    /// What happens, in order.
    enum Step {
        Turn(Lane, u64),
        Frame(Lane, u64),
        Over(Lane),
    }
    use Step::{Frame, Over, Turn};

    /// The numbers of the frames that come, and how many are lost.
    fn run(steps: &[Step]) -> (Vec<u64>, u64, Lane) {
        let mut splice = Splice::default();
        let (mut passed, mut lost) = (Vec::new(), 0);
        for step in steps {
            let frames = match step {
                Turn(to, at) => {
                    splice.turn(*to, *at);
                    continue;
                }
                Frame(lane, number) => splice.frame(*lane, &frame(*number)),
                Over(lane) => splice.over(*lane),
            };
            passed.extend(frames.passed.iter().map(|frame| frame.number));
            lost += frames.lost;
        }
        (passed, lost, splice.lane())
    }

    #[test]
    fn frames_come_once_and_in_order_whichever_encoder_is_faster() {
        let cases: [(&str, Vec<Step>, &[u64], u64, Lane); 8] = [
            (
                "the program alone",
                vec![Frame(Program, 0), Frame(Program, 1)],
                &[0, 1],
                0,
                Program,
            ),
            (
                "away, and the other is the faster one",
                vec![
                    Turn(Apart, 3),
                    Frame(Program, 1),
                    Frame(Apart, 3),
                    Frame(Apart, 4),
                    Frame(Program, 2),
                    Frame(Program, 3),
                    Frame(Program, 4),
                    Frame(Apart, 5),
                ],
                &[1, 2, 3, 4, 5],
                0,
                Apart,
            ),
            (
                "away, and the other is the slower one",
                vec![
                    Turn(Apart, 2),
                    Frame(Program, 1),
                    Frame(Program, 2),
                    Frame(Program, 3),
                    Frame(Apart, 2),
                    Frame(Apart, 3),
                ],
                &[1, 2, 3],
                0,
                Apart,
            ),
            (
                "away over a frame that the composer left out",
                vec![
                    Turn(Apart, 2),
                    Frame(Program, 1),
                    Frame(Apart, 2),
                    Frame(Program, 3),
                ],
                &[1, 2],
                0,
                Apart,
            ),
            (
                "away and back, while the program is faster",
                vec![
                    Turn(Apart, 8),
                    Frame(Program, 8),
                    Frame(Apart, 8),
                    Turn(Program, 10),
                    Frame(Program, 9),
                    Frame(Program, 10),
                    Frame(Program, 11),
                    Frame(Apart, 9),
                    Over(Apart),
                    Frame(Program, 12),
                ],
                &[8, 9, 10, 11, 12],
                0,
                Program,
            ),
            (
                "it does not begin after all",
                vec![
                    Turn(Apart, 2),
                    Over(Apart),
                    Frame(Program, 1),
                    Frame(Program, 2),
                ],
                &[1, 2],
                0,
                Program,
            ),
            (
                "it fails, and the program's next keyframe is waited for",
                vec![
                    Turn(Apart, 7),
                    Frame(Program, 7),
                    Frame(Apart, 7),
                    Over(Apart),
                    Frame(Program, 8),
                    Frame(Program, 9),
                    Frame(Program, 10),
                ],
                &[7, 10],
                2,
                Program,
            ),
            (
                "the program ends while the other has some to come",
                vec![
                    Turn(Apart, 1),
                    Frame(Program, 1),
                    Frame(Apart, 1),
                    Over(Program),
                    Frame(Apart, 2),
                    Over(Apart),
                ],
                &[1, 2],
                0,
                Program,
            ),
        ];
        for (what, steps, passed, lost, lane) in cases {
            assert_eq!(run(&steps), (passed.to_vec(), lost, lane), "{what}");
        }
    }
}
