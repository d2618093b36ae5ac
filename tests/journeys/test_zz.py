import pytest
from tests.journeys.test_appearance import *
FIND = """() => { const w = document.documentElement.clientWidth; const out=[]; for (const e of document.querySelectorAll('body *')) { const r=e.getBoundingClientRect(); if (r.right > w+0.5 && !e.closest('.tw') && !e.closest('svg') ) out.push(e.tagName+'.'+e.className+' '+Math.round(r.right)+' '+(e.textContent||'').trim().slice(0,30)); } return out.slice(0,12); }"""
def test_find(device, region):
    refuse_somebody(region)
    s = device(viewport={"width": 320, "height": 640}); s.page.goto("/terminal/")
    s.page.screenshot(path="/tmp/s_terminal.png", full_page=True)
    s.enrols(region.nw_terminal); print("START", s.overflow(), s.page.evaluate(FIND)); s.page.screenshot(path="/tmp/s_start.png", full_page=True)
    for who in ["2000000001","1000000001","1000000002","1000000004"]:
        screen = at_work(device, region, who, viewport={"width": 320, "height": 640})
        for page in pages_of(who):
            screen.page.goto(page)
            if screen.overflow():
                print(who, page, screen.overflow()); 
                for l in screen.page.evaluate(FIND): print("    ", l)
                screen.page.screenshot(path=f"/tmp/s_{who}_{page.strip('/').replace('/','_').replace('?','_')[:20]}.png", full_page=True)
