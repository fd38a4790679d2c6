"""The services that are known by name: a translator each. To add one, write a file like these, and name it here."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from scrapy_geetest._services.adapters.anticaptcha import AntiCaptcha
from scrapy_geetest._services.adapters.capmonster import CapMonster
from scrapy_geetest._services.adapters.capsolver import CapSolver
from scrapy_geetest._services.adapters.twocaptcha import RuCaptcha, TwoCaptcha

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy_geetest._services.service import SolvingService

__all__ = ["SERVICES", "AntiCaptcha", "CapMonster", "CapSolver", "RuCaptcha", "TwoCaptcha"]

SERVICES: Mapping[str, type[SolvingService]] = MappingProxyType(
    {service.name: service for service in (CapMonster, TwoCaptcha, RuCaptcha, AntiCaptcha, CapSolver)}
)
"""Services by the names that ``GEETEST_SERVICES`` takes."""
