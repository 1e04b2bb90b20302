using System.Diagnostics;
using Sleb.Torch.Families;

namespace Sleb.Torch.Scoring;

/// <summary>One window's hidden states along the blocks in place, in float32: what candidates share and what the next round starts from.</summary>
/// <param name="room">For products that are kept.</param>
/// <param name="keep">Whether all states stay, or only the last one: the walk then starts anew where it has to go back.</param>
/// <param name="times">Hears of every block pass.</param>
internal sealed class WindowStates(TorchModel model, int[] ids, bool keep, ProductRoom room, Action<int, TimeSpan> times) : IDisposable
{
    private readonly Queue<Tensor> _places = new(); // where the next states that are kept will lie
    private IReadOnlyList<int> _alive = [];
    private Walk _trunk = new(room) { Records = true };
    private readonly List<Walk> _branches = [];
    private ReferencePass? _passing; // products that there was no room for

    /// <summary>
    /// Makes places for the next states, together: between the tensors that come and go states would leave gaps in which no large one
    /// finds room.
    /// </summary>
    public void Reserve(int states)
    {
        while (keep && _places.Count < states) _places.Enqueue(empty([1, ids.Length, model.HiddenSize], device: model.Device).DetachFromDisposeScope());
    }

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
        branch.Records = _branches.Count == 0; // the first to be looked at wins as a rule, and then nobody asks for the trunk's behind it again
        if (branch.Records) _trunk.ForgetProducts(position);
        _branches.Add(branch);
        return Follow(branch, [.. alive.Where((_, at) => at != position)], cancellationToken);
    }

    /// <summary>
    /// The products of <paramref name="alive"/>'s block at <paramref name="position"/>, for passes that differ little from the walk's. They
    /// belong to this object, some of them until the next call.
    /// </summary>
    public ReferencePass Products(IReadOnlyList<int> alive, int position, CancellationToken cancellationToken)
    {
        var input = Before(alive, position, cancellationToken);
        if (_trunk.Products(position) is { } known) return known;
        var pass = new ReferencePass(room.Memory);
        if (Step(_trunk, position, alive[position], input, pass)) return pass;
        _passing?.Dispose();
        return _passing = pass;
    }

    public bool Keeps => keep;

    public void Dispose()
    {
        _passing?.Dispose();
        while (_places.TryDequeue(out var place)) place.Dispose();
        _trunk.Dispose();
        _branches.ForEach(branch => branch.Dispose());
        _branches.Clear();
    }

    /// <summary>A new round: its trunk is the walk that shares most with it, which is the removed candidate's where that was remembered.</summary>
    private void TurnTo(IReadOnlyList<int> alive)
    {
        if (ReferenceEquals(alive, _alive) || alive.SequenceEqual(_alive)) return;
        var before = _trunk;
        _branches.Add(_trunk);
        _trunk = _branches.MaxBy(walk => walk.Shares(alive))!;
        if (_trunk != before) _trunk.Inherit(before);
        foreach (var other in _branches.Where(walk => walk != _trunk)) other.Dispose();
        _branches.Clear();
        _trunk.CutTo(alive);
        _alive = [.. alive];
    }

    private Tensor Follow(Walk walk, IReadOnlyList<int> blocks, CancellationToken cancellationToken)
    {
        if (walk.Find(blocks) is { } known) return known;
        walk.CutTo(blocks);
        if (walk.Length == 0) walk.Add(null, model.Embed(ids).DetachFromDisposeScope(), keep);
        Reserve(blocks.Count + 1 - walk.Length);
        while (walk.Length <= blocks.Count)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int position = walk.Length - 1;
            var pass = keep && walk.Records && room.Left > 0 ? new ReferencePass(room.Memory) : null;
            if (!Step(walk, position, blocks[position], walk.Last, pass)) pass?.Dispose();
        }
        return walk.Last;
    }

    /// <summary>Through one block: what comes out is the walk's, unless it was known, and so are the products, where there is room.</summary>
    /// <returns>Whether the products are.</returns>
    private bool Step(Walk walk, int position, int block, Tensor input, ReferencePass? pass)
    {
        using var scope = NewDisposeScope();
        long start = Stopwatch.GetTimestamp();
        var output = model.Run(input, block, write: pass);
        times(block, Stopwatch.GetElapsedTime(start));
        if (walk.Length == position + 1)
        {
            if (_places.TryDequeue(out var place)) place.copy_(output);
            walk.Add(block, place ?? output.DetachFromDisposeScope(), keep);
        }
        return pass is not null && keep && walk.Keep(position, pass);
    }

    /// <summary>The states after none, one, two … of a row of blocks, and the blocks' products; those that were not kept are null.</summary>
    private sealed class Walk(ProductRoom room) : IDisposable
    {
        private readonly List<int> _blocks = [];
        private readonly List<Tensor?> _states = [];
        private readonly List<ReferencePass?> _products = []; // one for each block

        public int Length => _states.Count;

        public Tensor Last => _states[^1]!;

        /// <summary>Whether products are kept as it goes on.</summary>
        public bool Records { get; set; }

        public int Shares(IReadOnlyList<int> blocks)
        {
            int shared = 0;
            while (shared < Math.Min(_blocks.Count, blocks.Count) && _blocks[shared] == blocks[shared]) shared++;
            return shared;
        }

        public Tensor? Find(IReadOnlyList<int> blocks) => Shares(blocks) == blocks.Count && blocks.Count < Length ? _states[blocks.Count] : null;

        public ReferencePass? Products(int position) => position < _products.Count ? _products[position] : null;

        public void Add(int? block, Tensor state, bool keep)
        {
            if (block is { } added)
            {
                _blocks.Add(added);
                _products.Add(null);
            }
            if (!keep && _states.Count > 0)
            {
                _states[^1]!.Dispose();
                _states[^1] = null;
            }
            _states.Add(state);
        }

        /// <summary>Where there is room, the products become this object's.</summary>
        public bool Keep(int position, ReferencePass pass)
        {
            if (!room.Take(pass.Bytes)) return false;
            _products[position] = pass;
            return true;
        }

        /// <summary>Of the blocks from a position on.</summary>
        public void ForgetProducts(int position)
        {
            for (int i = position; i < _products.Count; i++) Free(i);
        }

        /// <summary>Takes another walk's products, as far as the blocks are the same; it will not be used any more.</summary>
        public void Inherit(Walk other)
        {
            for (int i = 0; i < Shares(other._blocks); i++)
                if (_products[i] is null) (_products[i], other._products[i]) = (other._products[i], null);
            Records = true;
        }

        /// <summary>Forgets what lies behind the last state that is kept and shared with <paramref name="blocks"/>.</summary>
        public void CutTo(IReadOnlyList<int> blocks)
        {
            int length = Math.Min(Length, Shares(blocks) + 1);
            while (length > 0 && _states[length - 1] is null) length--;
            int passed = Math.Max(0, length - 1);
            for (int i = length; i < Length; i++) _states[i]?.Dispose();
            ForgetProducts(passed);
            _states.RemoveRange(length, Length - length);
            _blocks.RemoveRange(passed, _blocks.Count - passed);
            _products.RemoveRange(passed, _products.Count - passed);
        }

        /// <summary>Another walk that shares this one's first states.</summary>
        public Walk Fork(int blocks)
        {
            var fork = new Walk(room);
            fork._blocks.AddRange(_blocks.Take(blocks));
            fork._products.AddRange(new ReferencePass?[fork._blocks.Count]);
            fork._states.AddRange(_states.Take(blocks + 1).Select(state => state?.alias().DetachFromDisposeScope()));
            return fork;
        }

        public void Dispose()
        {
            _states.ForEach(state => state?.Dispose());
            ForgetProducts(0);
        }

        private void Free(int position)
        {
            if (_products[position] is not { } pass) return;
            room.Give(pass.Bytes);
            pass.Dispose();
            _products[position] = null;
        }
    }
}
