//! The web page: its files, which are part of the binary, and what it is told of the cluster.

pub mod picture;

/// A file of the page.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Its path below the page's address; the page itself is empty.
    pub path: &'static str,
    /// `Content-Type`.
    pub kind: &'static str,
    /// Its text.
    pub text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Every file of the page. There is no build step: browsers read these as they stand in the tree.
pub const ASSETS: &[Asset] = &[
    Asset { path: "", kind: "text/html; charset=utf-8", text: include_str!("static/index.html") },
    Asset { path: "page.css", kind: "text/css; charset=utf-8", text: include_str!("static/page.css") },
    Asset { path: "icon.svg", kind: "image/svg+xml", text: include_str!("static/icon.svg") },
    Asset { path: "main.js", kind: SCRIPT, text: include_str!("static/main.js") },
    Asset { path: "dom.js", kind: SCRIPT, text: include_str!("static/dom.js") },
    Asset { path: "server.js", kind: SCRIPT, text: include_str!("static/server.js") },
    Asset { path: "facts.js", kind: SCRIPT, text: include_str!("static/facts.js") },
    Asset { path: "nodes.js", kind: SCRIPT, text: include_str!("static/nodes.js") },
    Asset { path: "jobs.js", kind: SCRIPT, text: include_str!("static/jobs.js") },
    Asset { path: "details.js", kind: SCRIPT, text: include_str!("static/details.js") },
    Asset { path: "timeline.js", kind: SCRIPT, text: include_str!("static/timeline.js") },
    Asset { path: "output.js", kind: SCRIPT, text: include_str!("static/output.js") },
    Asset { path: "submit.js", kind: SCRIPT, text: include_str!("static/submit.js") },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Names between quotes that end like a file of the page.
    fn named(text: &str) -> Vec<&str> {
        let is_file = |word: &&str| {
            word.rsplit_once('.').is_some_and(|(stem, end)| {
                ["js", "css", "svg"].contains(&end)
                    && stem.chars().all(|c| c.is_ascii_alphanumeric() || "./".contains(c))
            })
        };
        text.split(['"', '\'']).filter(is_file).map(|word| word.trim_start_matches("./")).collect()
    }

    #[test]
    fn every_file_that_the_page_names_is_there_and_none_is_left_over() {
        let all: Vec<&str> = ASSETS.iter().flat_map(|asset| named(asset.text)).collect();
        for name in &all {
            assert!(ASSETS.iter().any(|asset| asset.path == *name), "`{name}` is no file of the page");
        }
        for asset in ASSETS.iter().filter(|asset| !asset.path.is_empty()) {
            assert!(all.contains(&asset.path), "nothing of the page names `{}`", asset.path);
        }
    }

    #[test]
    fn the_page_fetches_nothing_from_elsewhere_and_writes_no_markup() {
        for asset in ASSETS {
            let text = asset.text.replace("http://www.w3.org/", "");
            for word in [
                "http://",
                "https://",
                "innerHTML",
                "insertAdjacentHTML",
                "document.write",
                " style=",
                "onclick=",
            ] {
                assert!(!text.contains(word), "`{word}` in `{}`", asset.path);
            }
        }
    }
}
