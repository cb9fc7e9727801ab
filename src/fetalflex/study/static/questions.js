// The questions about an image, as rows of buttons; one row is the current one, which the number keys answer.

function scaleOf(criterion, points) {
  const choices = Array.from({ length: points }, (_, index) => ({ value: index + 1, label: String(index + 1) }));
  return { ...criterion, choices };
}

const REAL_OR_SYNTHETIC = {
  name: "real_or_synthetic",
  title: "Real or synthetic?",
  question: "Was it acquired from a patient, or made by a program?",
  lowest: "",
  highest: "",
  choices: [
    { value: 0, label: "Real" },
    { value: 1, label: "Synthetic" },
  ],
};

function element(name, classes, text) {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  if (text !== undefined) made.textContent = text;
  return made;
}

export class Questions {
  constructor(root, asked, onChange) {
    this.onChange = onChange;
    this.list = asked.criteria.map((criterion) => scaleOf(criterion, asked.points));
    if (asked.real_or_synthetic) this.list.push(REAL_OR_SYNTHETIC);
    this.answers = {};
    this.current = 0;
    this.rows = this.list.map((question, index) => this.#row(question, index));
    root.replaceChildren(...this.rows);
    this.show(null);
  }

  get missing() {
    return this.list.findIndex((question) => !(question.name in this.answers));
  }

  show(answers) {
    this.answers = { ...answers };
    this.select(Math.max(0, this.missing));
  }

  select(index) {
    this.current = Math.min(Math.max(index, 0), this.list.length - 1);
    this.#draw();
  }

  move(by) {
    this.select(this.current + by);
  }

  // Answer the current question by the number of a key; returns whether it has such a choice.
  press(number) {
    const choice = this.list[this.current].choices[number - 1];
    if (choice === undefined) return false;
    this.#choose(this.current, choice.value);
    return true;
  }

  #choose(index, value) {
    this.answers[this.list[index].name] = value;
    this.select(index + 1 < this.list.length ? index + 1 : index);
    this.onChange();
  }

  #row(question, index) {
    const row = element("div", "question");
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", question.title);
    row.append(element("h3", "", question.title), element("p", "what", question.question));
    const buttons = element("div", "choices");
    question.choices.forEach((choice, number) => {
      const button = element("button", "choice");
      button.type = "button";
      if (choice.label !== String(number + 1)) button.append(element("kbd", "", String(number + 1)), " ");
      button.append(choice.label);
      button.dataset.value = choice.value;
      button.addEventListener("click", (event) => {
        this.#choose(index, choice.value);
        if (event.detail > 0) button.blur(); // clicked, not pressed by key: Enter then saves
      });
      buttons.append(button);
    });
    row.append(buttons);
    if (question.lowest) {
      const ends = element("div", "ends");
      ends.append(element("span", "", question.lowest), element("span", "", question.highest));
      row.append(ends);
    }
    return row;
  }

  #draw() {
    this.rows.forEach((row, index) => {
      const isCurrent = index === this.current;
      row.classList.toggle("current", isCurrent);
      if (isCurrent) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
      const given = this.answers[this.list[index].name];
      for (const button of row.querySelectorAll("button")) {
        button.setAttribute("aria-pressed", String(Number(button.dataset.value) === given));
      }
    });
    this.rows[this.current].scrollIntoView({ block: "nearest" });
  }
}
