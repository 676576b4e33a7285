//! Draws a web page, in a process of its own: whatever WebKit does, the program does not notice.
//!
//! The page is drawn by GStreamer's `wpevideosrc`; each picture that differs from the one before is
//! brought into the program's form here and left in the memory that is shared with the worker. The page
//! proves that it runs by changing its title when it is asked to.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use sm_common::layer::WebSource;
use sm_media_protocol::{RenderFailure, RenderNews, RenderOrder, SLOTS, decode, encode};

use crate::number::to_u64;
use crate::picture::{Bitmap, Matrix, Picture};

/// After everything else on the machine: a page may come late, the program may not.
const NICENESS: i32 = 10;
/// The first to be ended when the machine runs out of memory.
const OOM_SCORE: &str = "1000";
/// The identifier of the layer's rules in the page.
const STYLE: &str = "stream-manager-layer";
/// Where a page is that was not loaded.
const NOWHERE: &str = " about:blank";
/// What people see in lists of processes.
const NAME: &str = "media-worker-web";
/// How often the page is asked for a sign of life.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Pictures that may wait to be converted; older ones are left out.
const WAITING_MAX: u32 = 2;
const BYTES_PER_PIXEL: usize = 4;

/// Whether what draws pages is installed. GStreamer has to be initialised.
pub(crate) fn is_available() -> bool {
    gst::ElementFactory::find("wpevideosrc").is_some()
}

/// Draws the page that is ordered on standard input, until the worker closes that or is gone.
pub fn render_web() -> anyhow::Result<()> {
    // Helpers of WebKit inherit this group and end with it.
    let _ = rustix::process::setpgid(None, None);
    let killed = Some(rustix::process::Signal::KILL);
    let _ = rustix::process::set_parent_process_death_signal(killed);
    let _ = rustix::process::setpriority_process(None, NICENESS);
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let _ = std::fs::write("/proc/self/comm", NAME);
    let (line, memory) = take_streams()?;
    let mut orders = BufReader::new(line.try_clone().context("the line is not a socket")?);
    let mut order = Vec::new();
    orders
        .read_until(b'\n', &mut order)
        .context("no order came")?;
    let order: RenderOrder = decode(&order).context("the order cannot be read")?;
    thread::Builder::new()
        .name("order".to_owned())
        .spawn(move || {
            // Nothing else is ever said: this is the end, however stuck everything else is.
            let _ = orders.read_until(b'\n', &mut Vec::new());
            end_group();
        })
        .context("no thread to wait for the end")?;
    let teller = Teller::new(line);
    let renderer = Renderer::start(&order, memory, &teller);
    let why = match &renderer {
        Ok(renderer) => renderer.run(),
        Err(why) => *why,
    };
    teller.tell(&RenderNews::Failed { why });
    // Nothing is taken down in order: what failed could hang or crash in it.
    end_group();
    Ok(())
}

/// Ends this process and the helpers that WebKit has started.
fn end_group() {
    let own = rustix::process::getpgrp();
    let _ = rustix::process::kill_process_group(own, rustix::process::Signal::KILL);
}

/// The line to the worker and the memory shared with it. Helpers of WebKit inherit neither.
fn take_streams() -> anyhow::Result<(UnixStream, File)> {
    let take = |stream| -> anyhow::Result<OwnedFd> {
        rustix::io::fcntl_dupfd_cloexec(stream, 3).context("a standard stream cannot be taken")
    };
    let line = UnixStream::from(take(rustix::stdio::stdin())?);
    let memory = File::from(take(rustix::stdio::stdout())?);
    let nothing = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .context("/dev/null cannot be opened")?;
    rustix::stdio::dup2_stdin(&nothing).context("standard input cannot be replaced")?;
    rustix::stdio::dup2_stdout(&nothing).context("standard output cannot be replaced")?;
    Ok((line, memory))
}

/// Tells the worker. Cheap to clone.
#[derive(Clone)]
struct Teller(Arc<Mutex<UnixStream>>);

impl Teller {
    fn new(line: UnixStream) -> Self {
        Self(Arc::new(Mutex::new(line)))
    }

    fn tell(&self, news: &RenderNews) {
        let Ok(line) = encode(news) else { return };
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stream.write_all(&line).is_err() {
            // Nobody looks at the page any more.
            end_group();
        }
    }
}

/// What is known of the page from its callbacks.
#[derive(Default)]
struct Signs {
    /// Pictures that came, whether they differed or not.
    pictures: AtomicU64,
    /// The page has answered since it was last asked.
    answered: AtomicBool,
    failure: Mutex<Option<RenderFailure>>,
}

impl Signs {
    fn fail(&self, why: RenderFailure) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(why);
    }

    fn failure(&self) -> Option<RenderFailure> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Renderer {
    page: WebSource,
    pipeline: gst::Pipeline,
    source: gst::Element,
    signs: Arc<Signs>,
    teller: Teller,
}

impl Renderer {
    fn start(order: &RenderOrder, memory: File, teller: &Teller) -> Result<Self, RenderFailure> {
        let broken = |_error: gst::glib::BoolError| RenderFailure::Renderer;
        gst::init().map_err(|_error| RenderFailure::Renderer)?;
        if !is_available() {
            return Err(RenderFailure::Unavailable);
        }
        let page = order.page.clone();
        let source = gst::ElementFactory::make("wpevideosrc")
            .property("location", &page.url)
            .property("draw-background", false)
            .build()
            .map_err(broken)?;
        let signs = Arc::<Signs>::default();
        watch_view(&source, &signs);
        let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "BGRA")
            .field("width", side(page.width))
            .field("height", side(page.height))
            .field("framerate", gst::Fraction::new(side(page.framerate), 1))
            .build();
        let sink = gst_app::AppSink::builder()
            .caps(&caps)
            .max_buffers(WAITING_MAX)
            .drop(true)
            .sync(false)
            .build();
        let mut painter = Painter {
            width: crate::number::to_usize(page.width.into()),
            height: crate::number::to_usize(page.height.into()),
            matrix: Matrix::for_height(order.program_height),
            last: Vec::new(),
            slot: 0,
            memory,
            teller: teller.clone(),
            signs: Arc::clone(&signs),
        };
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_eos| gst::FlowError::Eos)?;
                    painter.take(&sample)
                })
                .build(),
        );
        let pipeline = gst::Pipeline::new();
        pipeline
            .add_many([&source, sink.upcast_ref()])
            .map_err(broken)?;
        source.link(&sink).map_err(broken)?;
        pipeline
            .set_state(gst::State::Playing)
            .map_err(|_refused| RenderFailure::Renderer)?;
        Ok(Self {
            page,
            pipeline,
            source,
            signs,
            teller: teller.clone(),
        })
    }

    /// Looks after the page until it fails.
    fn run(&self) -> RenderFailure {
        let Some(bus) = self.pipeline.bus() else {
            return RenderFailure::Renderer;
        };
        let mut asked = 0_u64;
        let mut seen = 0;
        let mut ask_at = Instant::now() + ASK_EVERY;
        let reload = self
            .page
            .reload_s
            .map(|seconds| Duration::from_secs(seconds.into()));
        let mut reload_at = reload.map(|every| Instant::now() + every);
        loop {
            let wait = ask_at.saturating_duration_since(Instant::now());
            let wait =
                gst::ClockTime::from_nseconds(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
            if let Some(message) = bus.timed_pop(wait) {
                let view = message.view();
                if let gst::MessageView::Error(error) = view {
                    return self.signs.failure().unwrap_or_else(|| meaning(error));
                }
                if let gst::MessageView::Element(element) = view
                    && is_loaded(element)
                {
                    self.dress();
                }
            }
            if let Some(why) = self.signs.failure() {
                return why;
            }
            if Instant::now() < ask_at {
                continue;
            }
            ask_at = Instant::now() + ASK_EVERY;
            let pictures = self.signs.pictures.load(Ordering::Relaxed);
            if self.signs.answered.swap(false, Ordering::Relaxed) && pictures > seen {
                self.teller.tell(&RenderNews::Alive);
            }
            seen = pictures;
            asked += 1;
            self.ask(asked);
            self.dress();
            if let (Some(every), Some(moment)) = (reload, reload_at)
                && moment <= Instant::now()
            {
                reload_at = Some(Instant::now() + every);
                self.source.set_property("location", &self.page.url);
            }
        }
    }

    /// What brings the layer's rules into the page, if there are any and they are not there yet.
    fn dress(&self) {
        let mut rules = self.page.css.clone();
        if self.page.zoom != 100 {
            let zoom = f64::from(self.page.zoom) / 100.0;
            rules.push_str("\nhtml{zoom:");
            rules.push_str(&zoom.to_string());
            rules.push('}');
        }
        if rules.is_empty() {
            return;
        }
        let rules = gst::glib::base64_encode(rules.as_bytes());
        self.script(&format!(
            "(()=>{{if(document.getElementById('{STYLE}'))return;\
             const s=document.createElement('style');s.id='{STYLE}';\
             const b=Uint8Array.from(atob('{rules}'),c=>c.charCodeAt(0));\
             s.textContent=new TextDecoder().decode(b);\
             document.documentElement.appendChild(s)}})()"
        ));
    }

    /// Has the page say that it runs, and where it is.
    fn ask(&self, number: u64) {
        self.script(&format!("document.title='{number} '+document.URL"));
    }

    fn script(&self, script: &str) {
        self.source.emit_by_name::<()>("run-javascript", &[&script]);
    }
}

/// Hears what the view says. Its signals are not those of the element: a page that was not loaded, or
/// whose process ended, is an empty picture to that. (The view's own signal of a failed load ends with
/// the element's handler, which came first.)
fn watch_view(source: &gst::Element, signs: &Arc<Signs>) {
    let signs = Arc::clone(signs);
    source.connect("configure-web-view", false, move |values| {
        let view = values.get(1)?.get::<gst::glib::Object>().ok()?;
        let crashed = Arc::clone(&signs);
        view.connect("web-process-terminated", false, move |_values| {
            crashed.fail(RenderFailure::Crashed);
            None
        });
        let answered = Arc::clone(&signs);
        view.connect("notify::title", false, move |values| {
            let view = values.first()?.get::<gst::glib::Object>().ok()?;
            let title = view.property::<Option<String>>("title")?;
            if title.ends_with(NOWHERE) {
                answered.fail(RenderFailure::NotLoaded);
            }
            answered.answered.store(true, Ordering::Relaxed);
            None
        });
        None
    });
}

/// What an error of the element says: the page is its one resource.
fn meaning(error: &gst::message::Error) -> RenderFailure {
    if error.error().is::<gst::ResourceError>() {
        RenderFailure::NotLoaded
    } else {
        RenderFailure::Renderer
    }
}

/// Whether the page has been loaded to its end.
fn is_loaded(message: &gst::message::Element) -> bool {
    message.structure().is_some_and(|structure| {
        structure.name() == "wpe-stats"
            && structure
                .get::<f64>("estimated-load-progress")
                .is_ok_and(|progress| progress >= 100.0)
    })
}

/// Brings pictures of the page into the shared memory.
struct Painter {
    width: usize,
    height: usize,
    matrix: Matrix,
    /// The picture before, as it came.
    last: Vec<u8>,
    slot: u32,
    memory: File,
    teller: Teller,
    signs: Arc<Signs>,
}

impl Painter {
    fn take(&mut self, sample: &gst::Sample) -> Result<gst::FlowSuccess, gst::FlowError> {
        let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
        let bytes = buffer
            .map_readable()
            .map_err(|_unmapped| gst::FlowError::Error)?;
        self.signs.pictures.fetch_add(1, Ordering::Relaxed);
        if self.last.as_slice() == bytes.as_slice() {
            return Ok(gst::FlowSuccess::Ok);
        }
        self.last.clear();
        self.last.extend_from_slice(&bytes);
        let stride = self.width * BYTES_PER_PIXEL;
        let bitmap = Bitmap::from_premultiplied(&bytes, stride, self.width, self.height);
        let picture = bitmap.to_picture(self.matrix);
        self.leave(&picture)
            .map_err(|_lost| gst::FlowError::Error)?;
        Ok(gst::FlowSuccess::Ok)
    }

    fn leave(&mut self, picture: &Picture) -> std::io::Result<()> {
        let slot = self.slot;
        self.slot = (slot + 1) % SLOTS;
        let size = Picture::sample_bytes(self.width, self.height);
        let mut at = u64::from(slot) * to_u64(size);
        for samples in picture.samples() {
            self.memory.write_all_at(samples, at)?;
            at += to_u64(samples.len());
        }
        self.teller.tell(&RenderNews::Picture {
            slot,
            opaque: picture.is_opaque(),
        });
        Ok(())
    }
}
