! A UMAT of the equations of romtool's law viscoplastic_norton_af with one kinematic term, small strain.
!
!   dp/dt = <(J(s - X) - R0) / K>^n,   X = 2/3 C alpha,   dalpha = deps_in - D alpha dp
!
! PROPS: young, poisson, K, n, R0, C, D.
! STATEV: p; inelastic strain (6); alpha (6), both in the order 11 22 33 12 23 13 with tensor shear.
! A strain increment above LARGEST asks for a smaller time increment by PNEWDT.
!
!   gfortran -O2 -shared -fPIC -o libviscoplastic.so viscoplastic.f90
subroutine umat(stress, statev, ddsdde, sse, spd, scd, rpl, ddsddt, drplde, drpldt, stran, dstran, time, dtime, &
                temp, dtemp, predef, dpred, cmname, ndi, nshr, ntens, nstatv, props, nprops, coords, drot, pnewdt, &
                celent, dfgrd0, dfgrd1, noel, npt, layer, kspt, jstep, kinc)
  implicit none
  integer, intent(in) :: ndi, nshr, ntens, nstatv, nprops, noel, npt, layer, kspt, jstep(4), kinc
  character(len=80), intent(in) :: cmname
  double precision, intent(inout) :: stress(ntens), statev(nstatv), ddsdde(ntens, ntens), sse, spd, scd, rpl
  double precision, intent(inout) :: ddsddt(ntens), drplde(ntens), drpldt, pnewdt
  double precision, intent(in) :: stran(ntens), dstran(ntens), time(2), dtime, temp, dtemp, predef(1), dpred(1)
  double precision, intent(in) :: props(nprops), coords(3), drot(3, 3), celent, dfgrd0(3, 3), dfgrd1(3, 3)

  double precision, parameter :: largest = 0.05d0
  integer, parameter :: place(6) = (/1, 2, 3, 4, 6, 5/)  ! where 11 22 33 12 23 13 are among the arguments
  double precision :: shear, bulk, drag, exponent, radius, modulus, recall
  double precision :: elastic(6), inelastic(6), alpha(6), trial(6), xi(6), normal(6), back(6), fading(6), left(6)
  double precision :: mean, pressure, size, dp, theta, slope, b, g, turn, along
  integer :: a, c

  shear = props(1) / (2d0 + 2d0 * props(2))
  bulk = props(1) / (3d0 - 6d0 * props(2))
  drag = props(3)
  exponent = props(4)
  radius = props(5)
  modulus = props(6)
  recall = props(7)
  inelastic = statev(2:7)
  alpha = statev(8:13)

  elastic = stran(place) + dstran(place)
  elastic(4:6) = 0.5d0 * elastic(4:6)
  elastic = elastic - inelastic
  mean = sum(elastic(1:3)) / 3d0
  pressure = 3d0 * bulk * mean
  trial = 2d0 * shear * elastic
  trial(1:3) = trial(1:3) - 2d0 * shear * mean
  back = modulus / 1.5d0 * alpha

  dp = 0d0
  if (equivalent(trial - back) > radius .and. dtime > 0d0) call solve(dp, slope)
  theta = 1d0 / (1d0 + recall * dp)
  if (dp > 0d0) then
    xi = trial - theta * back
    size = equivalent(xi)
    normal = xi / size
    fading = recall * theta**2 * back
    turn = 1.5d0 * product_of(normal, fading)
    b = 3d0 * shear * dp / size
    g = 3d0 * shear / (3d0 * shear + modulus * theta**2 + slope - turn)
    along = 3d0 * shear * (b - g) + b * g * turn
    left = along * normal - b * g * fading
    trial = trial - 3d0 * shear * dp * normal
    inelastic = inelastic + 1.5d0 * dp * normal
    alpha = theta * (alpha + 1.5d0 * dp * normal)
  else
    b = 0d0
    left = 0d0
    normal = 0d0
  end if

  stress(place) = trial
  stress(1:3) = stress(1:3) + pressure
  statev(1) = statev(1) + dp
  statev(2:7) = inelastic
  statev(8:13) = alpha
  do c = 1, 6
    do a = 1, 6
      ddsdde(place(a), place(c)) = left(a) * normal(c)
      if (a <= 3 .and. c <= 3) ddsdde(a, c) = ddsdde(a, c) + bulk - (1d0 - b) * shear / 1.5d0
    end do
    ddsdde(place(c), place(c)) = ddsdde(place(c), place(c)) + merge(2d0, 1d0, c <= 3) * (1d0 - b) * shear
  end do
  if (maxval(abs(dstran)) > largest) pnewdt = 0.5d0

contains

  ! a:b of two tensors with tensor shear.
  pure double precision function product_of(x, y)
    double precision, intent(in) :: x(6), y(6)
    product_of = sum(x(1:3) * y(1:3)) + 2d0 * sum(x(4:6) * y(4:6))
  end function product_of

  ! J(x) = sqrt(3/2 x:x).
  pure double precision function equivalent(x)
    double precision, intent(in) :: x(6)
    equivalent = sqrt(1.5d0 * product_of(x, x))
  end function equivalent

  ! Solve J(xi) - (3 G + C theta) dp - R0 - K (dp / dt)^(1/n) = 0 by Newton's method in ln dp, within a bracket.
  subroutine solve(dp, slope)
    double precision, intent(out) :: dp, slope
    double precision :: z, low, high, value, rate, theta, step, first, own, cross, overstress
    integer :: iteration
    first = 1.5d0 * product_of(trial, trial)
    cross = 1.5d0 * product_of(trial, back)
    own = 1.5d0 * product_of(back, back)
    overstress = sqrt(first - 2d0 * cross + own) - radius
    low = -690d0
    high = log(overstress / (3d0 * shear))
    z = min(high, log(dtime) + exponent * log(overstress / drag))
    do iteration = 1, 200
      dp = exp(z)
      theta = 1d0 / (1d0 + recall * dp)
      value = sqrt(first - 2d0 * theta * cross + theta**2 * own)
      rate = recall * theta**2 * (cross - theta * own) / value - 3d0 * shear - modulus * theta**2
      slope = drag * exp((z - log(dtime)) / exponent)
      value = value - (3d0 * shear + modulus * theta) * dp - radius - slope
      slope = slope / exponent / dp
      if (value > 0d0) then
        low = z
      else
        high = z
      end if
      step = -value / ((rate - slope) * dp)
      if (abs(step) < 1d-15) exit
      if (z + step <= low .or. z + step >= high) step = 0.5d0 * (low + high) - z
      z = z + step
      if (abs(step) < 1d-13) exit
    end do
    dp = exp(z)
  end subroutine solve
end subroutine umat
