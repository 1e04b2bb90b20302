using System.Diagnostics;
using Sleb.Core.Search;

namespace Sleb.Torch.Scoring;

/// <summary>One window's hidden states along the blocks in place, in float32: what candidates share and what the next round starts from.</summary>
/// <param name="keep">Whether all states stay, or only the last one: the walk then starts anew where it has to go back.</param>
/// <param name="times">Hears of every block pass.</param>
internal sealed class WindowStates(TorchModel model, int[] ids, bool keep, Action<int, TimeSpan> times) : IDisposable
{
    private IReadOnlyList<int> _alive = [];
    private Walk _trunk = new();
    private readonly List<Walk> _branches = [];

    /// <summary>The state before <paramref name="position"/> of <paramref name="alive"/>. It belongs to this object.</summary>
    public Tensor Before(IReadOnlyList<int> alive, int position, CancellationToken cancellationToken)
    {
        TurnTo(alive);
        return Follow(_trunk, alive.Take(position).ToList(), cancellationToken);
    }

    /// <summary>The last state of the alive blocks without one. It is remembered: if that block goes, the next round finds its trunk here.</summary>
    public Tensor Without(IReadOnlyList<int> alive, int position, CancellationToken cancellationToken)
    {
        Before(alive, position, cancellationToken);
        var branch = _trunk.Fork(position);
        _branches.Add(branch);
        return Follow(branch, [.. alive.Where((_, at) => at != position)], cancellationToken);
    }

    /// <summary>Goes on from <see cref="Before"/> through one block by <paramref name="pass"/>, which is called whether what comes behind it is known or not.</summary>
    public void Through(IReadOnlyList<int> alive, int position, Func<Tensor, Tensor> pass, CancellationToken cancellationToken)
    {
        var input = Before(alive, position, cancellationToken);
        long start = Stopwatch.GetTimestamp();
        var output = pass(input).DetachFromDisposeScope();
        times(alive[position], Stopwatch.GetElapsedTime(start));
        if (_trunk.Find([.. alive.Take(position + 1)]) is null)
        {
            _trunk.CutTo([.. alive.Take(position)]);
            _trunk.Add(alive[position], output, keep);
        }
        else output.Dispose();
    }

    public bool Keeps => keep;

    public void Dispose()
    {
        _trunk.Dispose();
        _branches.ForEach(branch => branch.Dispose());
        _branches.Clear();
    }

    /// <summary>A new round: its trunk is the walk that shares most with it, which is the removed candidate's where that was remembered.</summary>
    private void TurnTo(IReadOnlyList<int> alive)
    {
        if (ReferenceEquals(alive, _alive) || alive.SequenceEqual(_alive)) return;
        _branches.Add(_trunk);
        _trunk = _branches.MaxBy(walk => walk.Shares(alive))!;
        foreach (var other in _branches.Where(walk => walk != _trunk)) other.Dispose();
        _branches.Clear();
        _alive = [.. alive];
    }

    private Tensor Follow(Walk walk, IReadOnlyList<int> blocks, CancellationToken cancellationToken)
    {
        if (walk.Find(blocks) is { } known) return known;
        walk.CutTo(blocks);
        if (walk.Length == 0) walk.Add(null, model.Embed(ids).DetachFromDisposeScope(), keep);
        while (walk.Length <= blocks.Count)
        {
            int block = blocks[walk.Length - 1];
            long start = Stopwatch.GetTimestamp();
            var next = model.Run(walk.Last, [block], Arithmetic.Fp32, cancellationToken).DetachFromDisposeScope();
            times(block, Stopwatch.GetElapsedTime(start));
            walk.Add(block, next, keep);
        }
        return walk.Last;
    }

    /// <summary>The states after none, one, two … of a row of blocks; those that were not kept are null.</summary>
    private sealed class Walk : IDisposable
    {
        private readonly List<int> _blocks = [];
        private readonly List<Tensor?> _states = [];

        public int Length => _states.Count;

        public Tensor Last => _states[^1]!;

        public int Shares(IReadOnlyList<int> blocks)
        {
            int shared = 0;
            while (shared < Math.Min(_blocks.Count, blocks.Count) && _blocks[shared] == blocks[shared]) shared++;
            return shared;
        }

        public Tensor? Find(IReadOnlyList<int> blocks) => Shares(blocks) == blocks.Count && blocks.Count < Length ? _states[blocks.Count] : null;

        public void Add(int? block, Tensor state, bool keep)
        {
            if (block is { } added) _blocks.Add(added);
            if (!keep && _states.Count > 0)
            {
                _states[^1]!.Dispose();
                _states[^1] = null;
            }
            _states.Add(state);
        }

        /// <summary>Forgets what lies behind the last state that is kept and shared with <paramref name="blocks"/>.</summary>
        public void CutTo(IReadOnlyList<int> blocks)
        {
            int length = Math.Min(Length, Shares(blocks) + 1);
            while (length > 0 && _states[length - 1] is null) length--;
            for (int i = length; i < Length; i++) _states[i]?.Dispose();
            _states.RemoveRange(length, Length - length);
            _blocks.RemoveRange(Math.Max(0, length - 1), _blocks.Count - Math.Max(0, length - 1));
        }

        /// <summary>Another walk that shares this one's first states.</summary>
        public Walk Fork(int blocks)
        {
            var fork = new Walk();
            fork._blocks.AddRange(_blocks.Take(blocks));
            fork._states.AddRange(_states.Take(blocks + 1).Select(state => state?.alias().DetachFromDisposeScope()));
            return fork;
        }

        public void Dispose() => _states.ForEach(state => state?.Dispose());
    }
}
