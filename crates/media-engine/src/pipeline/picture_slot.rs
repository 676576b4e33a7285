use std::sync::{Arc, Mutex, PoisonError};

use crate::picture::Picture;

/// A picture that its source replaces whenever it looks different. The composer draws what is there.
#[derive(Debug, Default)]
pub(crate) struct PictureSlot(Mutex<Option<Arc<Picture>>>);

impl PictureSlot {
    /// Leaves a picture, or nothing.
    pub(crate) fn put(&self, picture: Option<Picture>) {
        let picture = picture.map(Arc::new);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = picture;
    }

    /// The picture to draw now.
    pub(super) fn picture(&self) -> Option<Arc<Picture>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
