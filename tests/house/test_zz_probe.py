def test_x(database):
    exec(open('/tmp/probe.py').read())
