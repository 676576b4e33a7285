//! Small pictures of the last minutes.

use crate::harness::{Studio, until_answered};

const PICTURES: &str = "/live/main/sprite.jpg";
const INDEX: &str = "/live/main/sprite.json";

#[tokio::test]
async fn small_pictures_are_served_with_their_places_and_survive_the_engine() {
    let studio = Studio::open();
    let mut first = studio.engine_process(&studio.host, "127.85.33.7");
    let nothing = until_answered(&first.api, INDEX, 404).await;
    drop(nothing.expect_problem(404, "stream.not-on-air"));
    studio.go_live().await;
    let index = until_answered(&first.api, INDEX, 200).await;
    assert_eq!(
        (&index.body["width"], &index.body["height"]),
        (&160.into(), &90.into())
    );
    assert!(
        index.body["pictures"][0]["at"].is_string(),
        "{}",
        index.text
    );
    let pictures = first.api.get(PICTURES).await.expect(200);
    assert_eq!(pictures.header("content-type"), "image/jpeg");
    assert_eq!(pictures.header("cache-control"), "no-cache");
    assert!(pictures.text.starts_with("pictures up to "));
    // The worker takes none for the next engine, which knows them all the same.
    studio.host.demand("hold");
    first.kill();
    let second = studio.engine_process(&studio.host, "127.85.33.7");
    let index = until_answered(&second.api, INDEX, 200).await;
    assert!(!index.body["pictures"].as_array().unwrap().is_empty());
    drop(second.api.get(PICTURES).await.expect(200));
}
