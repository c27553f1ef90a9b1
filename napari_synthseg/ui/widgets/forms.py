"""Forms made from the fields of a pydantic model: one source for names, limits and help.

What a form shows is what the model validates: the form holds no rule of its own.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Collection
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

M = TypeVar("M", bound=BaseModel)


class _Field(QObject):
    """One field: a widget, and how its value is read and written."""

    def __init__(self, widget: QWidget, read: Callable[[], Any], write: Callable[[Any], None]):
        super().__init__(widget)
        self.widget, self.read, self.write = widget, read, write


class ModelForm(QWidget, Generic[M]):
    """Edits one frozen model; every valid change gives a new one.

    Parameters
    ----------
    model
        The value to start with.
    shown
        Names of the fields that are always in sight; without, all that belong to no group. The
        others lie in sections that open, named by the ``group`` of their ``json_schema_extra`` or
        "More settings".
    hidden
        Names of fields that are not offered.
    """

    changed = Signal(object)
    """The new model."""

    refused = Signal(str)
    """Why the last change is not valid; '' when all is well again."""

    def __init__(
        self, model: M, shown: Collection[str] | None = None, hidden: Collection[str] = ()
    ) -> None:
        super().__init__()
        self._model = model
        self._fields: dict[str, _Field] = {}
        self._writing = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        sections: dict[str, list[str]] = {"": []}
        for name, info in type(model).model_fields.items():
            if name not in hidden:
                sections.setdefault(_section(name, info, shown), []).append(name)
        layout.addWidget(self._page(sections.pop("")))
        for title, names in sections.items():
            section = QCollapsible(title)
            section.setContent(self._page(names))
            section.setDuration(0)
            section.collapse(animate=False)
            section.layout().setContentsMargins(0, 2, 0, 0)
            section.layout().setSpacing(2)
            layout.addWidget(section)

    @property
    def model(self) -> M:
        """The model as last accepted."""
        return self._model

    def set_model(self, model: M) -> None:
        """Show another model of the same type."""
        self._model, self._writing = model, True
        try:
            for name, field in self._fields.items():
                field.write(getattr(model, name))
        finally:
            self._writing = False

    def _page(self, names: list[str]) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for name in names:
            info = type(self._model).model_fields[name]
            field = make_field(info, getattr(self._model, name), self._on_edited)
            self._fields[name] = field
            label = QLabel(name.replace("_", " ").capitalize())
            for widget in (label, field.widget):
                widget.setToolTip(info.description or "")
            form.addRow(label, field.widget)
        return page

    def _on_edited(self, *_: Any) -> None:
        if self._writing:
            return
        values = {name: getattr(self._model, name) for name in type(self._model).model_fields}
        try:
            values |= {name: field.read() for name, field in self._fields.items()}
            self._model = type(self._model)(**values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]).replace("_", " ")
            self.refused.emit(f"{where}: {first['msg']}")
        except ValueError as error:
            self.refused.emit(str(error))
        else:
            self.refused.emit("")
            self.changed.emit(self._model)


def _section(name: str, info: FieldInfo, shown: Collection[str] | None) -> str:
    """Return the title of the section that a field belongs to, '' for what is always in sight."""
    extra = info.json_schema_extra
    group = str(extra.get("group", "")) if isinstance(extra, dict) else ""
    if shown is None:
        return group
    return "" if name in shown else group or "More settings"


def make_field(info: FieldInfo, value: Any, on_edited: Callable[..., None]) -> _Field:
    """Return the widget that suits a field's type; any other type is edited as JSON."""
    kind, optional = _plain_type(info.annotation)
    if kind is bool:
        box = QCheckBox()
        field = _Field(box, box.isChecked, box.setChecked)
        box.toggled.connect(on_edited)
    elif get_origin(kind) is Literal:
        field = _choice(get_args(kind), on_edited)
    elif kind in (int, float):
        field = _number(kind, info, optional, on_edited)
    elif kind is str:
        line = QLineEdit()
        field = _Field(line, line.text, line.setText)
        line.editingFinished.connect(on_edited)
    else:
        line = QLineEdit()
        field = _Field(line, lambda: json.loads(line.text()), lambda v: line.setText(_json(v)))
        line.editingFinished.connect(on_edited)
    field.widget.blockSignals(True)
    field.write(value)
    field.widget.blockSignals(False)
    return field


def _choice(options: tuple[Any, ...], on_edited: Callable[..., None]) -> _Field:
    box = QComboBox()
    for option in options:
        box.addItem(str(option), option)
    box.currentIndexChanged.connect(on_edited)
    return _Field(box, box.currentData, lambda v: box.setCurrentIndex(options.index(v)))


def _number(kind: type, info: FieldInfo, optional: bool, on_edited: Callable[..., None]) -> _Field:
    low, high, step = _limits(info, kind)
    box: Any = QSpinBox() if kind is int else QDoubleSpinBox()
    if kind is float:
        box.setDecimals(5 if high <= 0.1 or (info.default or 1) < 0.01 else 2)
        box.setSingleStep(step or (0.0005 if box.decimals() == 5 else 0.1))
    else:
        box.setSingleStep(int(step or 1))
    nothing = low - box.singleStep() if optional else None
    box.setRange(low if nothing is None else nothing, high)
    box.setKeyboardTracking(False)
    if nothing is not None:
        box.setSpecialValueText("none")
    box.valueChanged.connect(on_edited)

    def read() -> Any:
        return None if nothing is not None and box.value() <= nothing else kind(box.value())

    return _Field(box, read, lambda v: box.setValue(nothing if v is None else v))


def _limits(info: FieldInfo, kind: type) -> tuple[Any, Any, Any]:
    """Return (least, most, step) from a field's constraints."""
    found = {
        key: getattr(part, key)
        for part in info.metadata
        for key in ("ge", "gt", "le", "lt", "multiple_of")
        if getattr(part, key, None) is not None
    }
    tiny = 1 if kind is int else 0.00001
    low = found.get("ge", found["gt"] + tiny if "gt" in found else -1_000_000)
    high = found.get("le", found["lt"] - tiny if "lt" in found else 1_000_000)
    return low, high, found.get("multiple_of")


def _plain_type(annotation: Any) -> tuple[Any, bool]:
    """Return the type without ``| None``, and whether None was allowed."""
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [a for a in get_args(annotation) if a is not type(None)]
        if len(rest) == 1 and len(rest) < len(get_args(annotation)):
            return rest[0], True
    return annotation, False


def _json(value: Any) -> str:
    return json.dumps(value.model_dump() if isinstance(value, BaseModel) else value)
