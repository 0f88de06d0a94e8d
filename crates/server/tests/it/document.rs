//! What the interface says of itself, held against files that are reviewed. `TUIKUAN_GOLDEN=1`
//! writes them anew.

use std::path::Path;

use crate::world::World;

fn golden(file: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("TUIKUAN_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "{file} has changed; look at the change, then run with TUIKUAN_GOLDEN=1"
    );
}

#[test]
fn the_openapi_document_is_the_reviewed_one() {
    let text = serde_json::to_string_pretty(&tuikuan_server::openapi()).unwrap();
    golden("tests/it/golden/openapi.json", &format!("{text}\n"));
}

#[test]
fn the_guide_explains_every_code() {
    golden(
        "../../docs/guide/problems.md",
        &tuikuan_server::problem_guide(),
    );
    for code in tuikuan_server::Code::ALL {
        assert!(tuikuan_server::problem_guide().contains(&format!("| `{}` |", code.name)));
    }
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let text = serde_json::to_string(&tuikuan_server::openapi()).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut found = 0;
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{pointer} leads nowhere"
        );
        found += 1;
    }
    assert!(found > 50, "{found}");
    let ids: Vec<_> = text
        .split("\"operationId\":\"")
        .skip(1)
        .map(|part| part.split('"').next())
        .collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an operation's id stands twice");
    assert_eq!(
        document["components"]["schemas"]["RefundRequest"]["additionalProperties"],
        false
    );
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["components"]["securitySchemes"]["key"]["scheme"],
        "bearer"
    );
}

#[tokio::test]
async fn the_documentation_is_served_from_the_binary() {
    let world = World::new().await;
    let document = world.get("/openapi.json").await;
    assert_eq!(document.header("content-type"), "application/json");
    assert!(document.json()["paths"]["/v1/refunds"]["post"].is_object());
    let page = world.get("/docs/").await;
    assert!(
        page.header("content-type").starts_with("text/html"),
        "{}",
        page.text
    );
    for part in page
        .text
        .split(['"', '\''])
        .filter(|part| part.starts_with("./"))
    {
        let answer = world.get(&format!("/docs/{}", &part[2..])).await;
        assert_eq!(answer.status.as_u16(), 200, "{part}");
    }
    assert!(
        !page.text.contains("https://"),
        "nothing comes from elsewhere"
    );
    assert!(
        world
            .get("/docs/swagger-initializer.js")
            .await
            .text
            .contains("/openapi.json")
    );
    assert_eq!(world.get("/").await.header("location"), "/console");
    assert_eq!(world.get("/docs").await.header("location"), "/docs/");
    let problems = world.get("/docs/problems").await.text;
    for code in tuikuan_server::Code::ALL {
        assert!(problems.contains(&format!("<dt id=\"{}\">", code.name)));
    }
}
