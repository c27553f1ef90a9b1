"""Forms made from the fields of a pydantic model: one source for names, limits and help.

magicgui chooses the widget of a field by its type. The form holds no rule of its own: the model
accepts or refuses what was entered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Generic, TypeVar, cast

from magicgui.type_map import get_widget_class
from magicgui.widgets import CheckBox, FloatSpinBox, LineEdit, LiteralEvalLineEdit
from magicgui.widgets.bases import RangedWidget, ValueWidget
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QLineEdit, QWidget

from napari_synthseg.ui.widgets.fold import Fold
from napari_synthseg.ui.widgets.parts import Notice, column_in

M = TypeVar("M", bound=BaseModel)

MAX_NUMBER = 1_000_000
"""Largest number that a field without a limit offers."""

SHORTEST_CHOICE = 12
"""Characters of a choice that are always seen."""

SMALLEST_STEP = 0.00001
"""Last digit that the boxes of small numbers show."""


class OptionalNumber(FloatSpinBox):
    """A number or None, for which the box has a word one step below the least number."""

    def get_value(self) -> Any:
        """Return the number, or None."""
        value = super().get_value()
        return None if value <= self.min else value

    def set_value(self, value: Any) -> None:
        """Show a number, or None."""
        super().set_value(self.min if value is None else value)


class OptionalText(LineEdit):
    """A text or None, which shows as an empty line."""

    def get_value(self) -> Any:
        """Return the text, or None."""
        return super().get_value() or None

    def set_value(self, value: Any) -> None:
        """Show a text, or None."""
        super().set_value(value or "")


class ModelForm(QWidget, Generic[M]):
    """Edits one frozen model; every valid change gives a new one.

    Fields that are models themselves have a section with a form of their own. A field's ``title``
    is what it is called, and the ``words`` of its ``json_schema_extra`` what stands for its values.

    Parameters
    ----------
    model
        The value to start with.
    shown
        Names of the fields that are always in sight; without, all that belong to no group. The
        others are in sections that open, named by the ``group`` of their ``json_schema_extra`` or
        "More settings".
    hidden
        Names of fields that are not offered.
    """

    changed = Signal(object)
    """The new model."""

    def __init__(
        self, model: M, shown: Collection[str] | None = None, hidden: Collection[str] = ()
    ) -> None:
        super().__init__()
        self._fields: dict[str, ValueWidget[Any] | ModelForm[Any]] = {}
        self._never_opened: dict[Fold, list[str]] = {}
        self._model = model
        self._writing = False
        self.problem = Notice()
        """Why the last change is not valid."""
        layout = column_in(self)
        sections: dict[str, list[str]] = {"": []}
        for name, info in type(model).model_fields.items():
            if name not in hidden:
                sections.setdefault(self._section(name, info, shown), []).append(name)
        layout.addWidget(self._page(sections.pop("")))
        for title, names in sections.items():
            called = ", ".join(_label(name, type(model).model_fields[name]) for name in names)
            fold = Fold(title, tip=f"Show or hide these settings: {called}")
            self._never_opened[fold] = names
            fold.opened.connect(partial(self._on_opened, fold))
            layout.addWidget(fold)
        layout.addWidget(self.problem)

    @property
    def fields(self) -> dict[str, ValueWidget[Any] | ModelForm[Any]]:
        """The field of each name; those of a section are made here, or when it is opened."""
        for fold in tuple(self._never_opened):
            self._on_opened(fold, True)
        return self._fields

    def _on_opened(self, fold: Fold, is_open: bool) -> None:
        if is_open and fold in self._never_opened:
            fold.add(self._page(self._never_opened.pop(fold)))

    @property
    def model(self) -> M:
        """The model as last accepted."""
        return self._model

    def set_model(self, model: M) -> None:
        """Show another model of the same type; what was refused is forgotten.

        Fields that are just being edited are left alone where nothing has changed.
        """
        if model == self._model and not self.is_refused:
            return
        self._model, self._writing = model, True
        try:
            for name, field in self._fields.items():
                _write(field, getattr(model, name))
        finally:
            self._writing = False
        self.problem.say("")

    @property
    def is_refused(self) -> bool:
        """Whether something is entered that is not valid."""
        forms = (field for field in self._fields.values() if isinstance(field, ModelForm))
        return bool(self.problem.text()) or any(form.is_refused for form in forms)

    def _section(self, name: str, info: FieldInfo, shown: Collection[str] | None) -> str:
        """Return the title of a field's section, '' for what is always in sight."""
        group = str(_extra(info).get("group", ""))
        if isinstance(getattr(self._model, name), BaseModel):
            group = group or _label(name, info)
        if shown is None:
            return group
        return "" if name in shown else group or "More settings"

    def _page(self, names: list[str]) -> QWidget:
        page = QWidget()
        rows = QFormLayout(page)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for name in names:
            value, info = getattr(self._model, name), type(self._model).model_fields[name]
            if isinstance(value, BaseModel):
                form = self._fields[name] = ModelForm(value)
                form.changed.connect(self._on_edited)
                rows.addRow(form)
                continue
            field = self._fields[name] = make_field(info, value, self._on_edited)
            label = QLabel(_label(name, info))
            for widget in (label, field.native):
                widget.setToolTip(_tip(name, info))
            label.setBuddy(field.native)
            if _extra(info).get("words"):  # they need the whole width
                rows.addRow(label)
                rows.addRow(field.native)
            else:
                rows.addRow(label, field.native)
        return page

    def _on_edited(self, *_: object) -> None:
        if self._writing:
            return
        values = {name: getattr(self._model, name) for name in type(self._model).model_fields}
        try:
            values |= {name: _read(field) for name, field in self._fields.items()}
            self._model = type(self._model)(**values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]).replace("_", " ")
            self.problem.say(f"{where}: {first['msg']}")
        except (ValueError, SyntaxError) as error:  # what was typed is no Python value
            self.problem.say(str(error))
        else:
            self.problem.say("")
            self.changed.emit(self._model)


def make_field(
    info: FieldInfo, value: object, on_edited: Callable[..., object]
) -> ValueWidget[Any]:
    """Return magicgui's widget for a field; other types are edited as Python literals."""
    try:
        kind, options = get_widget_class(annotation=info.annotation)
        if kind is LineEdit and options.pop("nullable", False):
            kind = OptionalText
    except ValueError:
        kind, options = LiteralEvalLineEdit, {}
    words = cast("dict[str, str]", _extra(info).get("words", {}))
    if words and "choices" in options:
        options["choices"] = [(words.get(each, each), each) for each in options["choices"]]
    if issubclass(kind, RangedWidget):
        field = _make_number(cast("type[RangedWidget[float]]", kind), info, options)
        _write(field, value)
    else:
        if kind is LiteralEvalLineEdit:
            value = repr(value)
        field = cast("Any", kind)(value=value, annotation=info.annotation, **options)
    if isinstance(field, CheckBox):
        field.text = ""
    if isinstance(field.native, QComboBox):  # its list has room for all words, the panel has not
        fit = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        field.native.setSizeAdjustPolicy(fit)
        field.native.setMinimumContentsLength(SHORTEST_CHOICE)
        field.native.view().setMinimumWidth(field.native.view().sizeHintForColumn(0))
    if isinstance(field.native, QLineEdit):
        field.native.editingFinished.connect(on_edited)  # not at each key
    else:
        field.changed.connect(on_edited)
    return field


def _make_number(
    kind: type[RangedWidget[float]], info: FieldInfo, options: dict[str, Any]
) -> ValueWidget[Any]:
    """Return the box of a number, within the limits of its field."""
    is_float, optional = issubclass(kind, FloatSpinBox), bool(options.get("nullable"))
    limits = {
        key: getattr(part, key)
        for part in info.metadata
        for key in ("ge", "gt", "le", "lt", "multiple_of")
        if getattr(part, key, None) is not None
    }
    margin = SMALLEST_STEP if is_float else 1
    low = limits.get("ge", limits["gt"] + margin if "gt" in limits else -MAX_NUMBER)
    high = limits.get("le", limits["lt"] - margin if "lt" in limits else MAX_NUMBER)
    small = is_float and (high <= 0.1 or (info.default or 1) < 0.01)
    step = limits.get("multiple_of") or ((0.0005 if small else 0.1) if is_float else 1)
    field = OptionalNumber(nullable=True) if optional else kind(**options)
    box = field.native
    box.setKeyboardTracking(False)
    if isinstance(field, FloatSpinBox):
        box.setDecimals((5 if small else 2) if is_float else 0)
    if optional:
        box.setSpecialValueText(_unset(info))
        low -= step
    field.range, field.step = (low, high), step
    return field


def _read(field: ValueWidget[Any] | ModelForm[Any]) -> object:
    return field.model if isinstance(field, ModelForm) else field.value


def _write(field: ValueWidget[Any] | ModelForm[Any], value: Any) -> None:
    if isinstance(field, ModelForm):
        field.set_model(value)
        return
    if isinstance(field, RangedWidget) and value is not None:  # limits of ours are no rule
        field.range = min(field.min, value), max(field.max, value)
    field.value = repr(value) if isinstance(field, LiteralEvalLineEdit) else value


def _extra(info: FieldInfo) -> Mapping[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _label(name: str, info: FieldInfo) -> str:
    return info.title or name.replace("_", " ").capitalize()


def _unset(info: FieldInfo) -> str:
    return str(_extra(info).get("unset", "automatic"))


def _tip(name: str, info: FieldInfo) -> str:
    """Return what a field does, in the words of its box, and what scripts and the docs call it."""
    told = (info.description or "").replace("empty:", f"{_unset(info)}:")
    told = f"{told[:1].upper()}{told[1:]}. " if told else ""
    return f"{told}Name in scripts: {name}."
