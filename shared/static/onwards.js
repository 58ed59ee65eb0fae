// Presses the button of a page that only leads on; without this a person does.
document.getElementById("onwards").requestSubmit();
