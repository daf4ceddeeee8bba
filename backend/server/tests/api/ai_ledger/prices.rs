//! The price file and `belfry ai prices`.

use std::path::PathBuf;

use crate::api::support::server::Place;

/// A place with a price file.
async fn place_with(prices: &str) -> (Place, PathBuf) {
    let mut place = Place::new(&[]).await;
    let path = place.folder.path().join("prices.toml");
    std::fs::write(&path, prices).unwrap();
    place.variables.push(("AI__PRICES_FILE".to_owned(), path.display().to_string()));
    (place, path)
}

const PRICES: &str = r#"
[[model]]
id = "test/m"
names = ["m"]
source = "a test"
[[model.prices]]
from = "2026-01-01"
input = "1.25"
output = "10"
"#;

#[tokio::test]
async fn a_price_file_replaces_the_prices_that_come_along() {
    let (place, _) = place_with(PRICES).await;
    assert_eq!(place.run(&["check"]), (true, "settings are valid\n".to_owned()));
    let (shown, said) = place.run(&["ai", "prices", "show", "m"]);
    assert!(shown && said.starts_with("m: priced, by test/m@2026-01-01\n"), "{said}");
    assert!(said.contains("uncached prompt: $1.25 for a million tokens\n"), "{said}");
    assert!(said.contains("output: $10 for a million tokens\n"), "{said}");
    let (shown, said) = place.run(&["ai", "prices", "show", "gpt-5"]);
    assert!(shown && said.starts_with("gpt-5: unpriced\n"), "{said}");
    let (shown, said) = Place::new(&[]).await.run(&["ai", "prices", "show", "gpt-5"]);
    assert!(shown && said.starts_with("gpt-5: priced, by "), "{said}");
}

#[tokio::test]
async fn a_wrong_price_file_is_refused_with_its_row() {
    for (prices, expected) in [
        (
            PRICES.replace("1.25", "-1"),
            ": model `test/m`, price 1: `input` is `-1`), expected dollars for a million tokens",
        ),
        (PRICES.replace("from =", "since ="), ": model `test/m`, price 1: the key `since`), expected one of from,"),
        ("no toml".to_owned(), ": line 1: "),
        (String::new(), ": the file: no row), expected [[model]] or [[free]]"),
    ] {
        let (place, path) = place_with(&prices).await;
        for command in ["check", "serve"] {
            let (succeeded, said) = place.run(&[command]);
            assert!(!succeeded, "{command} took {prices}");
            let start =
                format!("AI__PRICES_FILE: found `{}", path.display().to_string().chars().take(40).collect::<String>());
            assert!(said.contains(&start) && said.contains(expected.trim_start_matches(": ")), "{said}");
        }
    }
    let place = Place::new(&[("AI__PRICES_FILE", "/nowhere/prices.toml")]).await;
    let (succeeded, said) = place.run(&["check"]);
    let expected = "belfry: AI__PRICES_FILE: found `/nowhere/prices.toml` (No such file or directory (os error 2)), expected the path \
        of a readable price file\n";
    assert_eq!((succeeded, said.as_str()), (false, expected));
}

#[tokio::test]
async fn an_imported_list_is_a_price_file() {
    let place = Place::new(&[]).await;
    let list = place.folder.path().join("list.json");
    std::fs::write(
        &list,
        r#"{"m-1": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05}}"#,
    )
    .unwrap();
    let (imported, text) = place.run(&["ai", "prices", "import", list.to_str().unwrap(), "--effective", "2026-01-01"]);
    assert!(imported, "{text}");
    let toml = text.split("1 models\n").next().unwrap();
    let (place, _) = place_with(toml).await;
    let (shown, said) = place.run(&["ai", "prices", "show", "m-1", "--provider", "openai"]);
    assert!(shown && said.contains("uncached prompt: $1.25 for a million tokens\n"), "{said}");
    std::fs::write(&list, "[]").unwrap();
    let (imported, said) = place.run(&["ai", "prices", "import", list.to_str().unwrap()]);
    assert!(!imported && said.contains("expected"), "{said}");
}
