use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// A line of a process's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its line break.
    Whole(Vec<u8>),
    /// Longer than the limit; its content is lost.
    TooLong,
}

/// Reads lines of bounded length.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    bytes_max: usize,
    skipping: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, bytes_max: usize) -> Self {
        Self {
            reader: BufReader::new(reader),
            line: Vec::new(),
            bytes_max,
            skipping: false,
        }
    }

    /// The next line; `None` at the end or when reading fails. An unfinished last line is not a
    /// line. Cancel-safe: what was read so far is kept in `self`.
    pub(super) async fn next(&mut self) -> Option<Line> {
        loop {
            let available = self.reader.fill_buf().await.ok()?;
            if available.is_empty() {
                return None;
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let (content, _rest) = available.split_at(end.unwrap_or(available.len()));
            let used = content.len().saturating_add(usize::from(end.is_some()));
            if self.line.len().saturating_add(content.len()) > self.bytes_max {
                self.skipping = true;
                self.line = Vec::new();
            } else if !self.skipping {
                self.line.extend_from_slice(content);
            }
            self.reader.consume(used);
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                let too_long = std::mem::take(&mut self.skipping);
                return Some(if too_long {
                    Line::TooLong
                } else {
                    Line::Whole(line)
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_cut_at_breaks_and_long_ones_reported_once() {
        let long = "x".repeat(100_000);
        let text = format!("one\n\n{long}\ntwo\nunfinished");
        let mut lines = Lines::new(text.as_bytes(), 10);
        let mut read = Vec::new();
        while let Some(line) = lines.next().await {
            read.push(line);
        }
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(read, [whole("one"), whole(""), Line::TooLong, whole("two")]);
    }
}
