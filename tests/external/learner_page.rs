//! The form for one row in a browser, with models of a learner in plain Python.

use serde_json::json;
use windrow_testing::browser::{Browser, VIEWPORTS, axe};
use windrow_testing::{has, http, plain_learner};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and chromedriver, and Python"]
async fn the_form_asks_a_learner_and_says_what_it_cannot_explain() {
    let Some(browser) = Browser::start().await else { return };
    if !has("python3") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, url) = plain_learner::server(folder.path());
    browser.set_viewport(VIEWPORTS[0]).await;

    // The form has the columns of the schema, not the features that are made from them.
    browser.open(&format!("{url}/try?model=cumulative-3")).await;
    let fields = "return [...document.querySelectorAll('#try input')].map((one) => [one.name, one.dataset.kind])";
    let expected = json!([["miles", "number"], ["fare", "number"], ["carrier", "text"], ["at", "text"]]);
    assert_eq!(browser.run(fields).await, expected);
    let levels = "return [...document.querySelectorAll('#try datalist option')].map((one) => one.value).sort()";
    assert_eq!(browser.run(levels).await, json!(["AA", "B6", "UA"]));
    let hint = "return document.querySelector('#try input[name=carrier] ~ span').textContent";
    assert_eq!(browser.run(hint).await, "3 known values; others count as missing");

    // The learner's probability, and the reason why there is nothing else.
    let fill = |name: &str, value: &str| {
        format!(
            "const one = document.querySelector('#try input[name={name}]'); one.value = '{value}'; one.form.requestSubmit()"
        )
    };
    browser.run(&fill("carrier", "UA")).await;
    let answered = "return document.querySelectorAll('#all tbody tr').length === 5";
    browser.wait("the answers of all fitted models", answered).await;
    let title = browser.text("#result h2").await;
    assert_eq!(title, "90.0% likely to be positive, so labelled positive");
    let reason = "What each feature adds is not available: the learner of this model is outside of Windrow and returns \
                  only probabilities.";
    let answer = browser.text("#result").await;
    assert!(answer.contains(reason) && !answer.contains("Log-odds"), "{answer}");
    assert_eq!(browser.run("return document.querySelector('#result table')").await, json!(null));
    assert!(browser.text("#all p").await.starts_with("5 models predict 90.0% to 90.0%"));
    let line = browser.text("#curl code").await;
    let body = line.split_once("-d '").and_then(|(_, body)| body.strip_suffix('\'')).expect("a body");
    let (status, _, answer) = http("POST", &format!("{url}/v1/models/cumulative-3/predict"), Some(body));
    assert!(status == 200 && answer.contains("\"probability\":0.9"), "{line}: {answer}");
    browser.check(&url, axe().as_deref()).await;

    // The learner gets a number outside the range as it is, and a text that is not known as missing.
    browser.run(&fill("miles", "9999")).await;
    let told = "return document.getElementById('result').textContent.includes('the learner gets it as it is')";
    browser.wait("a number outside", told).await;
    browser.run(&fill("carrier", "ZZ")).await;
    let told = "return document.getElementById('result').textContent.includes('is not known and counts as missing')";
    browser.wait("a text that is not known", told).await;
    assert!(browser.text("#result h2").await.starts_with("20.0% likely to be positive"));
    let answered = "return document.querySelector('#all p').textContent.startsWith('5 models predict 20.0% to 20.0%')";
    browser.wait("the answers of all fitted models", answered).await;

    // The model's page and the comparison have the reason in the place of coefficients.
    for page in ["/models/cumulative-3", "/compare?first=cumulative-2&second=cumulative-3"] {
        browser.open(&format!("{url}{page}")).await;
        let text = browser.text("main").await;
        assert!(text.contains("of a learner outside of Windrow, which returns only probabilities"), "{page}: {text}");
        browser.check(&url, None).await;
    }
}
